# Sharing a server.
lend-title = Share a server
lend-intro = Whoever has the link can log in here and use this server as if it were their own: its files, its kernels, its terminals. Give it to people you trust.
lend-fresh = The link. It is shown this once:
lend-life = How long the link can be taken
lend-hour = 1 hour
lend-day = 1 day
lend-week = 1 week
lend-make = Make a link
lend-links = Links
lend-made = Made (UTC)
lend-ends = Ends (UTC)
lend-used = Taken
lend-with = Who may use it
lend-who = Who
lend-may = May
lend-end = End
lend-gone = There is no such link or share any more.
