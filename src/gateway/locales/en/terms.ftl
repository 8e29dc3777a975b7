# The site's terms.
terms-title = Terms of use
terms-ask = Please read these terms. You are asked once, and again when they change.
terms-accept = I accept the terms
terms-decline = I do not accept
terms-none = This site has no terms.
terms-link = Terms of use
