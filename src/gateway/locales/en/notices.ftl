# Announcements, and what is said before and after a server is stopped because nobody uses it.
notice-hide = Hide
cull-soon-idle = { $n ->
    [one] Nobody is using this server: it stops in one minute. What is saved stays.
   *[other] Nobody is using this server: it stops in { $n } minutes. What is saved stays.
}
cull-soon-age = { $n ->
    [one] This server has run for as long as a server may: it stops in one minute. Save your work.
   *[other] This server has run for as long as a server may: it stops in { $n } minutes. Save your work.
}
cull-keep = { $n ->
    [one] Keep it for an hour
   *[other] Keep it for { $n } hours
}
cull-ended-idle = The hub stopped this server because nobody was using it. What was saved is still there.
cull-ended-age = The hub stopped this server because it had run for as long as a server may. What was saved is still there.
cull-start-again = Start it again
cull-keep-off = Servers cannot be kept on this hub.
cull-keep-off-remedy = Save your work and start the server again when you need it.
cull-keep-stopped = The server is not running, so there is nothing to keep.
cull-keep-stopped-remedy = Go to the home page and start it.
announcement-title = Announcements
announcement-text = Text
announcement-level = Weight
announcement-info = Good to know
announcement-warning = Better not missed
announcement-groups = Groups, one a line
announcement-groups-rule = Left empty, everybody sees it, on the login page too. Members see it on every page of the hub and in JupyterLab.
announcement-groups-own = Groups that you may change. Their members see it on every page of the hub and in JupyterLab.
announcement-nobody = You may not change any group, so there is nobody to whom you may announce something.
announcement-starts = From (UTC; empty: now)
announcement-ends = Until (UTC; empty: until it is ended)
announcement-add = Announce
announcement-over = over
announcement-coming = to come
announcement-shown = shown
announcement-for-all = everybody
announcement-author = by
announcement-from = from { $time } UTC
announcement-until = until { $time } UTC
announcement-again = Show it again
announcement-end = End it now
announcement-delete = Delete for good
announcement-change = Change
announcement-save = Save
announcement-absent = There is no such announcement, or it is not yours to change.
announcement-absent-remedy = Go back to the list of announcements; somebody may have deleted it.
announcement-everybody = You may announce to the groups that you may change, not to everybody.
announcement-everybody-remedy = Name one of your groups, or ask an administrator.
announcement-no-group = There is no group { $group } that you may announce to.
announcement-no-act = There is nothing of that kind to do with an announcement.
announcement-bad-text = The text must have 1 to 1000 characters, and of control characters only ends of lines.
announcement-bad-groups = An announcement is for at most 100 groups.
announcement-bad-group = A line is no name of a group: 1 to 255 bytes without slash and control characters.
announcement-bad-time = A time must look like 2027-01-31T08:00.
announcement-bad-times = The end must be later than the start.
notice-entered = { $by } is in this server until { $until } UTC. The reason given: { $reason }
notice-inside = You are in a server of { $owner } until { $until } UTC. They see that, and the reason you gave: { $reason }
memory-kill-limit = Out of memory: a program of this server, most likely a kernel, was ended at { $at }. The server had used { $used } of its { $limit }. Start the kernel again and load less at a time, or ask for more memory.
memory-kill-machine = Out of memory: the machine had none left, and a program of this server, most likely a kernel, was ended at { $at }. Start the kernel again and load less at a time.
notice-shell = Your login shell did not end in time, or failed: what ~/.bash_profile, ~/.profile and ~/.bashrc set is missing here. Mend them, then start the server again.
notice-disk = The disk of your files is { $percent } % full. Delete what you do not need: what cannot be saved is lost.
