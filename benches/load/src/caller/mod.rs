//! The role of those who read: each line from standard input is an order.

mod load;
mod once;
mod turn;

use std::io::{self, Write as _};
use std::process::ExitCode;

use nix::sys::prctl;

use crate::failure::{Doing as _, Failure};
use crate::order::{Order, Reply};
pub(crate) use turn::TurnPipe;

/// Carries out orders until there are no more.
pub(crate) fn obey() -> Result<ExitCode, Failure> {
    prctl::set_name(c"lxcfs-caller").doing("cannot set the name")?;
    for line in io::stdin().lines() {
        let line = line.doing("cannot read orders")?;
        match serde_json::from_str(&line).map_err(Failure::wrong)? {
            Order::Fetch { path } => {
                send(&Reply::Text(std::fs::read(path).map_err(|error| once::name(&error))))?;
            }
            Order::Load(order) => load::load(&order, &mut send)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn send(reply: &Reply) -> Result<(), Failure> {
    let mut line = serde_json::to_vec(reply).map_err(Failure::wrong)?;
    line.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&line).and_then(|()| out.flush()).doing("cannot report")
}
