# What every page shows around its own content.
frame-skip = Skip to the content
frame-nav = Hub
frame-home = Home
frame-tokens = Tokens
frame-account = Account
frame-sessions = Sessions
frame-factors = Second factor
frame-password = Password
frame-admin = Administration
frame-logout = Log out
frame-language = Language
