//! A user's server that echoes websockets on the unix socket named by its one argument: what thousands of open websockets cost
//! is measured against it.
#![allow(clippy::unwrap_used)]

use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer, rt, web};
use actix_ws::Message;
use futures_util::StreamExt;

async fn echo(request: HttpRequest, body: web::Payload) -> Result<HttpResponse, Error> {
    let (response, mut session, mut messages) = actix_ws::handle(&request, body)?;
    rt::spawn(async move {
        while let Some(Ok(message)) = messages.next().await {
            let sent = match message {
                Message::Text(text) => session.text(text).await,
                Message::Ping(bytes) => session.pong(&bytes).await,
                Message::Close(_) => break,
                _ => Ok(()),
            };
            if sent.is_err() {
                break;
            }
        }
    });
    Ok(response)
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let socket = std::env::args().nth(1).unwrap();
    HttpServer::new(|| App::new().default_service(web::get().to(echo)))
        .workers(1)
        .bind_uds(socket)?
        .run()
        .await
}
