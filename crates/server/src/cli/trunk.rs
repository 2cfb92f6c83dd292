//! `trunk`: SIP peers over which calls come and go.

use clap::{Args, Subcommand};

use super::Hidden;

/// `trunk`.
#[derive(Debug, Subcommand)]
pub(crate) enum Trunk {
    /// Make a trunk
    Add {
        /// Its name: small letters, digits and hyphens
        name: String,
        #[command(flatten)]
        fields: TrunkFields,
    },
    /// List trunks
    List,
    /// Show one trunk
    Show {
        /// Its name
        name: String,
    },
    /// Change a trunk; what is not named stays as it is
    Update {
        /// Its name
        name: String,
        #[command(flatten)]
        fields: TrunkFields,
    },
    /// Remove a trunk; calls in progress go on
    Remove {
        /// Its name
        name: String,
    },
    /// Ask each peer of a trunk whether it is there (OPTIONS)
    Test {
        /// Its name
        name: String,
    },
}

/// What can be said of a trunk.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct TrunkFields {
    /// Where calls go: ADDRESS, then :PORT, ;transport=udp, tcp or tls, ;priority=N and ;weight=N as
    /// wanted; several times for several
    #[arg(long, value_name = "PEER")]
    pub(crate) peer: Vec<String>,
    /// From where it may call, such as 192.0.2.0/24; several times for several [default: the
    /// addresses of its peers]
    #[arg(long, value_name = "NETWORK")]
    pub(crate) network: Vec<String>,
    /// A rule of the numbers that it takes: 13, 010>8010, *; several times for several
    /// [default: all, as they are]
    #[arg(long, value_name = "RULE")]
    pub(crate) prefix: Vec<String>,
    /// How it wants numbers of callers written: national, +86 or 0086
    #[arg(long, value_name = "FORM")]
    pub(crate) caller_id_form: Option<String>,
    /// Where the caller's number stands: From, P-Asserted-Identity or Remote-Party-ID
    #[arg(long, value_name = "HEADER")]
    pub(crate) caller_id_header: Option<String>,
    /// The most calls on it at once; 0 is no limit
    #[arg(long, value_name = "COUNT")]
    pub(crate) calls_max: Option<u32>,
    /// The user name with which its challenges are answered
    #[arg(long, value_name = "NAME")]
    pub(crate) outbound_user: Option<String>,
    /// Its password [environment: AXBRIDGE_TRUNK_OUTBOUND_PASSWORD]
    ///
    /// Others on this machine can see flags in the list of processes; prefer the environment.
    #[arg(long, value_name = "SECRET")]
    pub(crate) outbound_password: Option<Hidden>,
    /// The user name that it must answer our challenges with
    #[arg(long, value_name = "NAME")]
    pub(crate) inbound_user: Option<String>,
    /// Its password [environment: AXBRIDGE_TRUNK_INBOUND_PASSWORD]
    #[arg(long, value_name = "SECRET")]
    pub(crate) inbound_password: Option<Hidden>,
    /// Any field by its name in the API, such as SymmetricRtp=true; several times for several
    #[arg(long, value_name = "FIELD=VALUE")]
    pub(crate) set: Vec<String>,
}
