//! Requests whose end two readers see in two places, sent to the gateway's own socket: nginx refuses them before, and the
//! gateway must by itself.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::support::{Background, Instance, until};

const LIMIT: Duration = Duration::from_secs(20);
/// What a second reader would take for a request of its own.
const HIDDEN: &str = "GET /jupyterhub/hub/health HTTP/1.1\r\nHost: x\r\n\r\n";

/// Everything that comes back until the gateway closes, or is silent for a second.
fn ask(socket: &Path, request: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let (mut answer, mut block) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut block) {
        answer.extend_from_slice(&block[..count]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn doubtful_requests_at_the_gateways_own_socket_are_refused() {
    let instance = Instance::new();
    let mut gateway = instance.command(&["gateway"]);
    let _gateway = Background(gateway.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    until("the gateway is well", LIMIT, || instance.run(&["health"]).status == 0);
    let socket = instance.dir.path().join("gateway.sock");
    let head = "POST /jupyterhub/hub/logout HTTP/1.1\r\nHost: x\r\n";
    for (fields, body) in [
        ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", format!("0\r\n\r\n{HIDDEN}")),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", HIDDEN.to_owned()),
        ("Transfer-Encoding: xchunked\r\n", HIDDEN.to_owned()),
        ("Content-Length: 0\r\nContent-Length: 44\r\n", HIDDEN.to_owned()),
        ("Content-Length: +5\r\n", HIDDEN.to_owned()),
        ("Content-Length: 0x5\r\n", HIDDEN.to_owned()),
        ("Content-Length : 5\r\n", HIDDEN.to_owned()),
        ("Transfer-Encoding : chunked\r\n", HIDDEN.to_owned()),
        (" Folded: line\r\n", HIDDEN.to_owned()),
        ("Bad\0Name: x\r\n", HIDDEN.to_owned()),
    ] {
        let answer = ask(&socket, &format!("{head}{fields}\r\n{body}"));
        assert!(!answer.contains(" 200 "), "{fields:?}: {answer}");
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{fields:?}: {answer}");
    }
    assert!(ask(&socket, HIDDEN).contains(" 200 "), "a plain request is answered");
    assert!(instance.run(&["health"]).status == 0);
}
