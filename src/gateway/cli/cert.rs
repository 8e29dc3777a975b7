//! `hubgate cert`: a private CA and a certificate for the site.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use clap::Args;

use super::{Failure, terminal};
use crate::cert::{self, DAYS_MAX, Name, Plan};
use crate::clock::Clock;

/// Life of a CA in days: ten years.
pub(super) const CA_DAYS: u32 = 3650;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Directory for ca.crt, ca.key, server.crt and server.key. No file in it is ever overwritten, except by --renew.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A name or an address of the site; may be given many times. Default: the host's name, localhost, 127.0.0.1 and
    /// ::1; with --renew the names of the old certificate.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<Name>,
    /// Life of the server's certificate in days, 1 to 397: browsers refuse more.
    #[arg(long, default_value_t = DAYS_MAX)]
    days: u32,
    /// Life of the CA in days, up to 7300.
    #[arg(long, default_value_t = CA_DAYS)]
    ca_days: u32,
    /// Replace server.crt in DIR by a new one, signed by the ca.key that is there, for the server.key that is there.
    #[arg(long)]
    renew: bool,
}

/// Names of this machine, for a certificate that nobody gave names for.
pub(super) fn own_names() -> Vec<Name> {
    let host =
        nix::unistd::gethostname().ok().and_then(|name| name.to_str().and_then(|name| name.parse().ok()));
    let local = Name::Dns("localhost".to_owned());
    let host = host.filter(|host| *host != local);
    let rest = [local, Name::Ip(Ipv4Addr::LOCALHOST.into()), Name::Ip(Ipv6Addr::LOCALHOST.into())];
    host.into_iter().chain(rest).collect()
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { out, names, days, ca_days, renew } = arguments;
    let mut plan = Plan { names, days, ca_days, now_s: Clock::System.now_s() };
    if renew {
        let path = cert::renew(&out, &plan)?;
        return terminal::say(&format!("{} renewed; now: systemctl reload nginx", path.display()));
    }
    if plan.names.is_empty() {
        plan.names = own_names();
    }
    for path in cert::create(&out, &plan)? {
        terminal::say(&path.display().to_string())?;
    }
    Ok(())
}
