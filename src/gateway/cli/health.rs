//! `hubgate health`: asks the running gateway, the way nginx does.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use actix_service::fn_service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use actix_web::http::Uri;
use awc::{Client, Connector};
use tokio::net::UnixStream;

use super::{Failure, failure, terminal};
use crate::config::Config;

/// How long the gateway may take; a hanging one is not well.
const DEADLINE: Duration = Duration::from_secs(5);

pub(super) fn run(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    match actix_web::rt::System::new().block_on(asked(&config)) {
        Ok(()) => terminal::say("ok"),
        Err(why) => failure(why),
    }
}

/// Whether the gateway says that it is well; else why not.
pub(super) async fn asked(config: &Config) -> Result<(), String> {
    let socket = config.listen.display();
    let url = format!("http://hubgate{}/hub/health", config.base_url);
    let answer = match client(&config.listen).get(url).send().await {
        Ok(answer) => answer,
        Err(error) => return Err(format!("the gateway does not answer on {socket}: {error}")),
    };
    let status = answer.status();
    if !status.is_success() {
        return Err(format!("the gateway on {socket} answers {status}"));
    }
    Ok(())
}

/// An HTTP client whose every connection goes to one unix socket.
fn client(socket: &Path) -> Client {
    let socket: Rc<Path> = Rc::from(socket);
    let connect = fn_service(move |info: ConnectInfo<Uri>| {
        let socket = Rc::clone(&socket);
        async move {
            let stream = UnixStream::connect(&socket).await.map_err(ConnectError::Io)?;
            Ok::<_, ConnectError>(Connection::new(info.request().clone(), stream))
        }
    });
    let connector = Connector::new().connector(connect).timeout(DEADLINE);
    Client::builder().connector(connector).timeout(DEADLINE).finish()
}
