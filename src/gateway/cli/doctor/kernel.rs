//! A kernel behind all layers: started, asked over its websocket, ended.

use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use awc::error::{SendRequestError, WsClientError};
use awc::ws::{Frame, Message};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::site::Site;
use super::{Found, text, trouble};

/// How long a kernel may take until it has answered.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);
/// Largest message, bytes.
const MESSAGE_MAX: usize = 1 << 20;

/// Starts the default kernel; its id.
pub(super) async fn start(site: &mut Site, user: &str) -> Found<String> {
    let (path, token) = (site.server_path(user, "api/kernels"), site.jupyter_xsrf());
    let reply = site.script(Method::POST, &path, &token, "{}".to_owned()).await?;
    let model: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    match (reply.status, text(&model, "/id")) {
        (StatusCode::CREATED, id) if !id.is_empty() => Ok(id.to_owned()),
        (status, _) => {
            let said = text(&model, "/message");
            trouble(
                format!("no kernel starts ({status}): {said}"),
                format!(
                    "Is a kernel installed where Jupyter looks (`jupyter kernelspec list`)? journalctl -u 'jupyter@{user}.service' -n 50"
                ),
            )
        }
    }
}

/// Has it compute something, over a websocket.
pub(super) async fn run(site: &Site, user: &str, kernel: &str) -> Found<()> {
    let path = site.server_path(user, &format!("api/kernels/{kernel}/channels"));
    let connected = site.websocket(&path).max_frame_size(MESSAGE_MAX).connect();
    let mut socket = match connected.await {
        Ok((_, socket)) => socket,
        Err(error) => return refused(&error, user),
    };
    let ask = json!({
        "header": { "msg_id": "doctor", "msg_type": "execute_request", "username": "", "session": "doctor", "date": "", "version": "5.3" },
        "parent_header": {}, "metadata": {}, "channel": "shell",
        "content": { "code": "6 * 7", "silent": false, "store_history": false, "user_expressions": {}, "allow_stdin": false },
    });
    if let Err(error) = socket.send(Message::Text(ask.to_string().into())).await {
        return trouble(format!("the websocket broke: {error}"), "tail /var/log/nginx/error.log");
    }
    let end = Instant::now() + ANSWERS_WITHIN;
    while let Ok(Some(Ok(frame))) = timeout_at(end, socket.next()).await {
        let Frame::Text(bytes) = frame else { continue };
        let said: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let ours = text(&said, "/parent_header/msg_id") == "doctor";
        if ours && text(&said, "/msg_type") == "execute_reply" {
            return match text(&said, "/content/status") {
                "ok" => Ok(()),
                _ => trouble("the kernel answers with an error", text(&said, "/content/evalue")),
            };
        }
    }
    silent(user)
}

fn silent(user: &str) -> Found<()> {
    trouble(
        "the kernel does not answer".to_owned(),
        format!("Does it come up by itself? journalctl -u 'jupyter@{user}.service' -n 50"),
    )
}

fn refused(error: &WsClientError, user: &str) -> Found<()> {
    if matches!(error, WsClientError::SendRequest(SendRequestError::Timeout)) {
        // Jupyter lets nobody to a kernel that has not said that it is there.
        return silent(user);
    }
    let remedy = match error {
        WsClientError::InvalidResponseStatus(StatusCode::FORBIDDEN) => {
            "The Origin is refused: something between browser and nginx changes Host or Origin (proxy_set_header Host $http_host)."
        }
        _ => {
            "Upgrade and Connection do not arrive: use hubgate's own locations as they are; a proxy in front of nginx needs\n\
             proxy_http_version 1.1, `Upgrade $http_upgrade` and `Connection upgrade`."
        }
    };
    trouble(format!("no websocket: {error}"), remedy)
}

/// Ends it.
pub(super) async fn end(site: &mut Site, user: &str, kernel: &str) {
    let (path, token) = (site.server_path(user, &format!("api/kernels/{kernel}")), site.jupyter_xsrf());
    let _unheard = site.script(Method::DELETE, &path, &token, String::new()).await;
}
