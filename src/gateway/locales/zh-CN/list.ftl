# 用户名单：其中的错误，以及它会改变什么。

list-whole = 名单{ $what }
list-line = 第 { $line } 行：{ $what }
list-row = { $line }：{ $what }
list-in-column = { $column } 列：{ $what }
list-and = { $first }、{ $next }

-list-header = user，其后可有 passwd、groups、admin、display_name、login、expires
list-empty = 是空的：第一行必须是 { -list-header }
list-header-unknown = 的第一行有一列 { $name }；该行必须是 { -list-header }
list-header-twice = 的第一行有两列 { $name }
list-header-user = 的第一行缺少 user 列：{ -list-header }
list-commas = 不是以逗号分隔：请以逗号分隔的格式保存
list-csv = 无法按 CSV 读取
list-rows = 超过 { $most } 行：请拆分
list-no-row = 在表头之下没有任何一行
list-large = 大于 2 MiB：请拆分
list-spreadsheet = 是电子表格（xlsx、ods 或 xls）：请另存为 UTF-8 编码的 CSV
list-utf16 = 是 UTF-16 编码：请以 UTF-8 保存
list-utf8 = 不是 UTF-8 文本：请以 UTF-8 保存

list-columns = 有 { $count } 列，而第一行有 { $wanted } 列
list-field = 有一个字段超过 { $most } 字节；可能缺少结尾的引号
list-again = { $name } 已在第 { $line } 行出现
list-truth = 必须是 true 或 false
list-group = 组名长度为 1 到 255 字节，不能包含控制字符和斜杠，首尾不能有空格
list-display = 必须由可见字符组成，中间只能用单个空格
list-day = 必须是日期，例如 2027-01-31
list-password-long = 密码超过 1024 字节
list-password-control = 密码含有换行或其他控制字符，无法在登录页面输入
list-exists = { $name } 已经存在，并会被更改（{ $changes }）
list-login-taken = 已有其他用户以此名称登录
list-admins-only = 只有管理员才能设立和更改管理员
list-group-foreign = 您无权更改其中的某个组

list-add = 添加 { $name }
list-change = 更改 { $name }
list-unchanged = 不变 { $name }
list-changes = { $step }：{ $changes }
list-admin = 设为管理员
list-no-admin = 不再是管理员
list-group-in = 加入组 { $name }
list-group-out = 退出组 { $name }
list-display-name = 显示名称：{ $to }
list-login = 登录名：{ $to }
list-expires = 到期：{ $to }
list-none = 无
list-password = 密码
list-password-once = 密码（首次登录时须更改）

name-empty = 名称为空
name-long = 名称过长：用户和服务器最多 32 字节，服务 63 字节，登录名 255 字节
name-start = 名称必须以小写字母或下划线开头（服务器和服务：字母或数字）
name-character = 名称只能包含 a-z、0-9、下划线、连字符以及名称中间的单个点号（服务器不能用点号；服务器和服务还可用 A-Z）
name-of-path = 此名称为保留名称
name-of-system = 此名称为系统保留
name-of-admins = 此名称为本站管理员保留

list-no-passwords = 名单仅用于由本站保存密码的用户。
list-gone = 没有等待导入的名单。
list-gone-remedy = 请重新检查名单：它已被导入，或等待时间过长。
list-too-many = 名单中的密码超过 100 个。
list-too-many-remedy = 请用命令行导入：hubgate user import FILE
list-moved = 其他人同时更改了这些用户，未导入任何内容。
list-moved-remedy = 请重新检查名单。
