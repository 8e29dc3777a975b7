# 每个页面的公共部分。
frame-skip = 跳到正文
frame-nav = 站点导航
frame-home = 首页
frame-tokens = 令牌
frame-account = 账户
frame-sessions = 会话
frame-factors = 双重验证
frame-password = 密码
frame-admin = 管理
frame-logout = 退出登录
frame-language = 语言
