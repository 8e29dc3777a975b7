//! `hubgate doctor`: goes the way of a visitor through every layer, and names the first one that fails.

mod host;
mod kernel;
mod limits;
mod site;

use std::path::Path;
use std::time::Instant;

use clap::Args;
use hubgate_protocol::Secret;
use serde_json::Value;

use super::{Failure, failure, prompt, terminal};
use crate::config::Config;
pub(super) use limits::{Limit, try_to_exceed};
use site::Site;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where people find the site, without the path of the hub; else `public_url` of the configuration, else https://localhost.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Log in as this user, start their server, and run a kernel in it; asks for the password.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Read that password from the first line of stdin.
    #[arg(long, requires = "user")]
    password_stdin: bool,
    /// How many seconds the server may take to start.
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = clap::value_parser!(u16).range(1..=600))]
    patience: u16,
    /// Leave out whether the kernel enforces limits.
    #[arg(long)]
    no_limits: bool,
}

/// What is wrong with a layer, and what helps.
#[derive(Debug)]
struct Trouble {
    what: String,
    remedy: String,
}

fn trouble<T>(what: impl Into<String>, remedy: impl Into<String>) -> Found<T> {
    Err(Trouble { what: what.into(), remedy: remedy.into() })
}

/// What a layer needs no more than to be told.
type Found<T> = Result<T, Trouble>;

/// A text in JSON by its pointer; empty where there is none.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Tells what came of a layer.
fn told<T>(layer: &str, began: Instant, found: Found<T>, say: impl Fn(&T) -> String) -> Result<T, Failure> {
    match found {
        Ok(found) => {
            let took_ms = began.elapsed().as_millis();
            terminal::say(&format!("ok    {layer:<13} {} ({took_ms} ms)", say(&found)))?;
            Ok(found)
        }
        Err(Trouble { what, remedy }) => {
            terminal::say(&format!("BAD   {layer:<13} {what}"))?;
            for line in remedy.lines() {
                terminal::say(&format!("      {:<13} {line}", ""))?;
            }
            failure(format!("the faulty layer: {layer}"))
        }
    }
}

/// Somebody who logs in.
struct Visitor {
    name: String,
    password: Secret,
}

pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let done = layers(path, arguments);
    // Whatever stands in a visitor's way, the kernel can be asked.
    if !arguments.no_limits {
        for line in limits::report() {
            terminal::say(&format!("{} {:<13} {}", line.mark, "limits", line.text))?;
        }
    }
    done
}

fn layers(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let visitor = match &arguments.user {
        Some(name) => {
            Some(Visitor { name: name.clone(), password: prompt::password(arguments.password_stdin, name)? })
        }
        None => None,
    };
    let began = Instant::now();
    let found = told("configuration", began, host::configuration(path), |_| path.display().to_string());
    let (config, complaints) = found?;
    let began = Instant::now();
    told("state", began, host::state(&config, &complaints), |()| config.state_dir.display().to_string())?;
    actix_web::rt::System::new().block_on(way(&config, arguments, visitor))
}

/// The way of a request, from the inside to the outside, and then that of a person.
async fn way(config: &Config, arguments: &Arguments, visitor: Option<Visitor>) -> Result<(), Failure> {
    let began = Instant::now();
    told("gateway", began, host::gateway(config).await, |()| config.listen.display().to_string())?;
    let began = Instant::now();
    told("spawner", began, host::spawner(config).await, |()| config.spawner_socket.display().to_string())?;
    let began = Instant::now();
    told("sockets", began, host::sockets(config), |()| config.socket_dir.display().to_string())?;

    let origin =
        arguments.url.clone().or_else(|| Some(config.public_url.clone()).filter(|url| !url.is_empty()));
    let origin = origin.unwrap_or_else(|| "https://localhost".to_owned());
    let began = Instant::now();
    let place = told("nginx", began, site::reach(&origin), |place| place.address.to_string())?;
    let began = Instant::now();
    told("certificate", began, site::certificate(config, &place), Clone::clone)?;
    let mut site = Site::new(config, &place).map_err(|why| Failure(why.what))?;
    let began = Instant::now();
    told("route", began, site.route().await, |_| site.hub_url("/hub/login"))?;
    let began = Instant::now();
    told("guard", began, site.guard().await, |()| "a stranger is not let into servers".to_owned())?;
    let Some(visitor) = visitor else {
        return terminal::say(
            "      login         not tried: with --user NAME it logs in, starts a server and runs a kernel",
        );
    };
    let name = visitor.name.clone();
    let began = Instant::now();
    told("login", began, site.login(&visitor).await, |()| format!("{name} is in"))?;
    let began = Instant::now();
    let started = told("server start", began, site.start(&name, arguments.patience).await, |started| {
        if *started { format!("{name}'s server is up") } else { format!("{name}'s server was up before") }
    })?;
    let outcome = inside(&mut site, &name).await;
    if started {
        site.stop(&name).await;
    }
    site.logout().await;
    outcome
}

/// Inside the server.
async fn inside(site: &mut Site, name: &str) -> Result<(), Failure> {
    let began = Instant::now();
    told("server", began, site.server(name).await, |version| format!("Jupyter Server {version} answers"))?;
    let began = Instant::now();
    let kernel =
        told("kernel", began, kernel::start(site, name).await, |kernel| format!("{kernel} is there"))?;
    let began = Instant::now();
    let ran = told("websocket", began, kernel::run(site, name, &kernel).await, |()| "6 * 7 is 42".to_owned());
    kernel::end(site, name, &kernel).await;
    ran
}
