//! `prompt`: what callers hear before they are connected.

use std::path::PathBuf;

use clap::Subcommand;

/// `prompt`.
#[derive(Debug, Subcommand)]
pub(crate) enum Prompt {
    /// Keep a WAV or MP3 file as a prompt; one of the same code is replaced
    Add {
        /// The code by which bindings name it (VoiceCode)
        code: String,
        /// The file
        #[arg(value_name = "FILE.wav|FILE.mp3")]
        file: PathBuf,
        /// Account it belongs to [default: that of the key that asks]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
    /// List prompts
    List {
        /// Of this account [default: that of the key that asks]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
    /// Show one prompt
    Show {
        /// Its code
        code: String,
        /// Account it belongs to [default: that of the key that asks]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
    /// Remove a prompt; bindings that name it connect without it
    Remove {
        /// Its code
        code: String,
        /// Account it belongs to [default: that of the key that asks]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
}
