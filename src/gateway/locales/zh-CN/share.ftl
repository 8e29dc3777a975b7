# 共享服务器。
lend-title = 共享服务器
lend-intro = 拥有链接的人登录后，可以像使用自己的服务器一样使用它：文件、内核和终端。请只发给信任的人。
lend-fresh = 共享链接，仅显示这一次：
lend-life = 链接的有效期
lend-hour = 1 小时
lend-day = 1 天
lend-week = 1 周
lend-make = 生成链接
lend-links = 链接
lend-made = 创建时间（UTC）
lend-ends = 到期时间（UTC）
lend-used = 接受次数
lend-with = 谁可以使用
lend-who = 对象
lend-may = 权限
lend-end = 终止
lend-gone = 该链接或共享已不存在。
