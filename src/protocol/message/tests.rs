use super::*;

fn refused(json: &str) {
    assert!(serde_json::from_str::<Request>(json).is_err(), "{json}");
}

#[test]
fn a_request_has_one_spelling() {
    let start: Request = serde_json::from_str(r#"{"op":"start","user":"alice"}"#).unwrap();
    let Request::Start { user, server, account, ticket, token, limits, environment, manner } = start else {
        panic!("{start:?}")
    };
    assert_eq!((user.as_str(), server.as_str(), account, ticket, token), ("alice", "", None, None, None));
    assert_eq!((limits, *manner), (Limits::default(), Manner::default()));
    assert!(environment.is_empty());
}

#[test]
fn unknown_keys_and_wrong_types_are_refused() {
    refused(r#"{"op":"start","user":"alice","unit":"sshd.service"}"#);
    refused(r#"{"op":"start","uid":0}"#);
    refused(r#"{"op":"start","user":"alice","env":{"LD_PRELOAD":"/tmp/x.so"}}"#);
    refused(r#"{"op":"start","user":"alice","environment":{"LD_PRELOAD":"/tmp/x.so"}}"#);
    refused(r#"{"op":"start","user":"alice","environment":{"A":"x\ny"}}"#);
    refused(r#"{"op":"start","user":"alice","limits":{"memory":1}}"#);
    refused(r#"{"op":"list","x":1}"#);
    refused(r#"{"op":"nosuch"}"#);
    refused(r#"{"op":"journal","user":"alice","lines":-1}"#);
    refused(r#"{"op":"authenticate","user":"alice","password":"x\u0000y","rhost":"::1"}"#);
    refused(r#"{"op":"authenticate","user":"alice","password":"x","rhost":"::1","service":"su"}"#);
    refused(r#"{"op":"start","user":"alice","user":"bob"}"#);
    refused(r#"{"op":"start_service","name":"culler"}"#);
    refused(r#"{"op":"start_service","name":"culler","token":"t","command":["/bin/sh"]}"#);
    refused(r#"{"op":"stop_service","name":"../culler"}"#);
    refused("[]");
}
