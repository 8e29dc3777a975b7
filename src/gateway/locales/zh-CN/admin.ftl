# 管理页面。
admin-users = 用户
