# The administrators' pages.
admin-users = Users
