# Entering the server of somebody else.
enter-first = Say first why you enter this server: open it in a window of its own.
enter-off = This site lets nobody enter the servers of others. Their owners can share them.
enter-title = Enter a server
enter-heading = Enter the server { $server }
enter-text = This server belongs to { $owner }. They see that you are in it and why, and the audit log keeps it.
enter-minutes = { $n ->
    [one] You are let in for one minute.
   *[other] You are let in for { $n } minutes.
}
enter-reason = Why do you enter it?
enter-reason-rule = 5 to 200 characters, for the owner to read.
enter-bad-reason = A reason has 5 to 200 characters on one line.
enter-submit = Enter
enter-cancel = Cancel
enter-inside = You are let in until { $until } (UTC).
enter-your-reason = You said:
enter-open = Open the server
enter-leave = Leave
entered-now = { $by } is in your server { $server }. They may stay until:
entered-past = { $by } entered your server { $server }:
entered-token = By a token.
entered-history = All that happened
