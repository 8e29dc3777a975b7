//! The `hubgate` program, run as it is: what it prints, how it ends, what it leaves on the disk.

mod certificates;
mod configuration;
mod corpus;
mod dependencies;
mod gateway;
mod imports;
mod installation;
mod ownership;
mod support;
mod users;
