//! The real program, run as its users run it: processes, ports, files, signals.

mod client_errors;
mod commands;
mod demo;
mod doctor;
mod events;
mod import;
mod overload;
mod program;
mod serve;
mod settings;
mod tls;
mod trunks;
