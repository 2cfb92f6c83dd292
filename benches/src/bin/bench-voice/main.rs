//! What calls cost a server: a carrier that calls and one that is called, as light as can be, in
//! one program, and what the server's processes spend meanwhile.
//!
//! - `bench-voice prepare data=DIR caller=ADDR callee=ADDR pairs=N record=0|1 file=FILE` makes
//!   numbers, trunks and bindings on a server of axbridge, and writes the bindings to FILE, one a
//!   line: A, X, B.
//! - `bench-voice calls CARRIERS rate=N calls=N hold_ms=N` makes so many calls at that
//!   rate: INVITE, 180, 200, ACK, and BYE after `hold_ms`.
//! - `bench-voice talk CARRIERS rate=N calls=N seconds=N settle_ms=N` sets up so many calls, has
//!   both sides talk for that long, 50 packets a second each way, and hangs up.
//! - `bench-voice records data=DIR` counts the records of calls.
//!
//! CARRIERS are `file=FILE server=ADDR caller=ADDR callee=ADDR` and, for the programs whose time is
//! measured, `watch=NAME:PID,…`. Each prints one line of JSON.
//!
//! This SIP is just enough to ring with, and shares no code with the product's call control.

mod arguments;
mod books;
mod callee;
mod caller;
mod dialling;
mod message;
mod report;
mod talk;

use anyhow::{Result, bail};

use arguments::Arguments;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = words.split_first() else {
        bail!("bench-voice prepare|calls|talk|records NAME=VALUE…");
    };
    let arguments = Arguments::read(rest)?;
    let line = match command.as_str() {
        "prepare" => books::prepare(&arguments)?,
        "calls" => dialling::calls(&arguments)?,
        "talk" => talk::talk(&arguments)?,
        "records" => books::records(&arguments)?,
        other => bail!("prepare, calls, talk or records, not {other:?}"),
    };
    println!("{line}");
    Ok(())
}
