# The administrators' table of users, and what is done to many at once.
people-title = Users
people-search = Search
people-search-go = Search
people-search-rule = Part of a user name, a login name or a name; Chinese names by pinyin or initials too.
people-filters = Filters
people-any = any
people-yes = yes
people-no = no
people-group = Group
people-name = User
people-display = Name
people-groups = Groups
people-admin = Administrator
people-state = State
people-memory = Memory
people-cpu = CPU
people-activity = Last active (UTC)
people-login = Last login (UTC)
people-standing = Standing
people-memory-least = Memory at least (MiB)
people-cpu-least = CPU at least (%)
people-activity-days = Last active
people-login-days = Last login
people-within = within { $days } d
people-not-for = not for { $days } d
people-running = running
people-starting = starting
people-stopping = stopping
people-failed = failed
people-stopped = stopped
people-good = may log in
people-disabled = disabled
people-expired = expired
people-expiring = will expire
people-refused = kept out
people-until = until { $day }
people-to = to
people-of = of
people-before = Before
people-next = Next
people-run-now = Running now:
people-none = Nobody is like that.
people-pick-all = All on this page
people-with-picked = With the ticked:
people-start = Start
people-stop = Stop
people-enable = Enable
people-disable = Disable
people-join = Add to group
people-leave = Remove from group
people-delete = Delete
people-csv = All as a list (CSV)
people-lost = The connection was lost; states may be old.
people-add = Add users
people-add-names = Names, one a line
people-add-admins = As administrators
people-add-go = Add
people-list = Take a list
people-list-rule = First line: user, then any of passwd, groups (with ; between them), admin, display_name, login, expires.
people-list-update = Change users who exist (their passwords stay)
people-list-look = Look at it
people-not-yours = This page is for administrators of the hub.
people-not-yours-remedy = Ask an administrator for the scope admin-ui if you should have it.
people-no-act = There is nothing of that kind to do.
people-nobody = Nobody was ticked.
people-refused-status = refused ({ $status })
people-leave-it = Leave it
people-back = Back to the users
people-undo = Undo
people-left = { $n ->
    [one] { $n } user were left as they are:
   *[other] { $n } users were left as they are:
 }
people-start-ask = { $n ->
    [one] Start the servers of { $n } user?
   *[other] Start the servers of { $n } users?
 }
people-start-does = Their default servers start, each with the options of its last start.
people-start-done = { $n ->
    [one] Starting the servers of { $n } user.
   *[other] Starting the servers of { $n } users.
 }
people-stop-ask = { $n ->
    [one] Stop the servers of { $n } user?
   *[other] Stop the servers of { $n } users?
 }
people-stop-does = All their servers stop. Running kernels and what they hold in memory are lost; files stay. This cannot be undone.
people-stop-done = { $n ->
    [one] Stopping the servers of { $n } user.
   *[other] Stopping the servers of { $n } users.
 }
people-enable-ask = { $n ->
    [one] Enable { $n } user?
   *[other] Enable { $n } users?
 }
people-enable-does = They may log in again.
people-enable-done = { $n ->
    [one] { $n } user is enabled.
   *[other] { $n } users are enabled.
 }
people-disable-ask = { $n ->
    [one] Disable { $n } user?
   *[other] Disable { $n } users?
 }
people-disable-does = Their sessions end and their tokens open nothing until they are enabled again. Their servers run on.
people-disable-done = { $n ->
    [one] { $n } user is disabled.
   *[other] { $n } users are disabled.
 }
people-join-ask = { $n ->
    [one] Add { $n } user to the group?
   *[other] Add { $n } users to the group?
 }
people-join-does = Group: { $group }
people-join-done = { $n ->
    [one] { $n } user is in the group.
   *[other] { $n } users are in the group.
 }
people-leave-ask = { $n ->
    [one] Remove { $n } user from the group?
   *[other] Remove { $n } users from the group?
 }
people-leave-does = Group: { $group }
people-leave-done = { $n ->
    [one] { $n } user is no longer in the group.
   *[other] { $n } users are no longer in the group.
 }
people-delete-ask = { $n ->
    [one] Delete { $n } user?
   *[other] Delete { $n } users?
 }
people-delete-does = Their servers stop; sessions, tokens, shares and memberships go. Files stay where they are. This cannot be undone.
people-delete-done = { $n ->
    [one] { $n } user is deleted.
   *[other] { $n } users are deleted.
 }
people-login-name = Login name
people-never = never
people-created = Added (UTC)
people-roles = Roles
people-dismiss = No administrator
people-appoint = Make administrator
people-reset = Link for a password
people-reset-factor = Take second factors away
people-expires = Until (day, UTC)
people-expire = Set the day
people-servers = Servers
people-server = Server
people-acts = What to do
people-default-server = default
people-enter = Go to the server
people-delete-one = Delete { $name }?
people-links = Links to choose a password
people-links-rule = Give each to its user. A link works once and for a day, and is shown this once.
people-link = Link
people-list-would = What the list would do
people-list-nothing = Nothing: it has mistakes.
people-list-todo = { $count } to do
people-list-same = { $count } unchanged.
people-list-passwords = { $count } passwords are more than a page takes: use hubgate user import on the machine.
people-list-go = Do it
roles-rule = Roles are stated in the configuration (load_roles) and changed there. People also have the roles of their groups.
roles-built-in = built in
roles-everybody = every user
roles-admins = all administrators
roles-services = Services
groups-members = Members
groups-add = Add a group
groups-name = Name of the group
groups-properties = Properties
groups-properties-rule = A JSON object that programs read by the API; it means nothing to the hub.
groups-set = Set
groups-bad-name = A group name has 1 to 255 bytes, no control characters, no slash and no space at its ends.
groups-bad-properties = Properties must be a JSON object.
groups-delete-does = Its { $count } members stay users, but lose what the group gives them: roles, shares and limits. This cannot be undone.
refuse-admin-change = Only admins can modify other admins
refuse-admin-grant = Only admins can grant admin permissions
refuse-no-passwords = Passwords are not kept by this hub.
add-exists = There is a user { $name } already; nobody was added.
add-count = Give 1 to { $most } names, one a line; more come by a list.
add-no-name = Line { $line }: this site has no such user names.
add-bad-name = Line { $line }: { $why }; nobody was added.
add-twice = Line { $line }: the name is given twice; nobody was added.
