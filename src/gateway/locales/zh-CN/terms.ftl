# 本站的使用条款。
terms-title = 使用条款
terms-ask = 请阅读以下条款。只需接受一次，条款变更后会再次询问。
terms-accept = 我接受此条款
terms-decline = 不接受
terms-none = 本站没有使用条款。
terms-link = 使用条款
