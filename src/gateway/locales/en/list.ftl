# Lists of users: what is wrong with one, and what it would change.

list-whole = The list { $what }
list-line = Line { $line }: { $what }
list-row = { $line }: { $what }
list-in-column = column { $column }: { $what }
list-and = { $first }, { $next }

-list-header = user, then any of passwd, groups, admin, display_name, login, expires
list-empty = is empty: its first line must be { -list-header }
list-header-unknown = has the column { $name } in its first line, which must be { -list-header }
list-header-twice = has the column { $name } twice in its first line
list-header-user = needs the column user in its first line: { -list-header }
list-commas = is not separated by commas: save it with commas
list-csv = cannot be read as CSV
list-rows = has more than { $most } rows: split it
list-no-row = has no row below its header
list-large = is larger than 2 MiB: split it
list-spreadsheet = is a spreadsheet (xlsx, ods or xls): save it as CSV, UTF-8
list-utf16 = is UTF-16: save it as UTF-8
list-utf8 = is not UTF-8 text: save it as UTF-8

list-columns = has { $count } columns, the first line has { $wanted }
list-field = has a field longer than { $most } bytes; a quote may be missing its end
list-again = { $name } is on line { $line } already
list-truth = must be true or false
list-group = a group name has 1 to 255 bytes, no control characters, no slash and no space at its ends
list-display = must be characters that can be seen, with single spaces between them
list-day = must be a day, like 2027-01-31
list-password-long = the password is longer than 1024 bytes
list-password-control = the password has a line end or another control character, which nobody can type at the login page
list-exists = { $name } exists already and would change ({ $changes })
list-login-taken = another user logs in by that name
list-admins-only = only administrators make and change administrators
list-group-foreign = a group that you may not change

list-add = add { $name }
list-change = change { $name }
list-unchanged = unchanged { $name }
list-changes = { $step }: { $changes }
list-admin = administrator
list-no-admin = no administrator
list-group-in = +group { $name }
list-group-out = -group { $name }
list-display-name = display name: { $to }
list-login = login: { $to }
list-expires = expires: { $to }
list-none = none
list-password = password
list-password-once = password, to be changed at the first login

name-empty = the name is empty
name-long = the name is too long: users and servers have at most 32 bytes, services 63, login names 255
name-start = the name must begin with a lower-case letter or an underscore (servers and services: a letter or a digit)
name-character = the name may hold only a-z, 0-9, underscore, hyphen and single dots inside (servers no dots; both and services A-Z too)
name-of-path = the name is reserved
name-of-system = the name is reserved for the system
name-of-admins = the name is reserved for administrators of the hub

list-no-passwords = Lists are for users whose passwords are kept by this hub.
list-gone = There is no list that waits.
list-gone-remedy = Look at it again: it was taken already, or waited for too long.
list-too-many = The list has more than 100 passwords.
list-too-many-remedy = Take it by the command line: hubgate user import FILE
list-moved = Somebody changed these users meanwhile; nothing was taken.
list-moved-remedy = Look at the list again.
