//! What can be written on the command line.
//!
//! Only the grammar; what the commands do stands in `crate::commands`.

mod bench;
mod callback;
mod phone;
mod prompt;
mod trace;
mod trunk;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub(crate) use bench::{Bench, BenchMix};
pub(crate) use callback::{Callback, Event, Period};
pub(crate) use phone::{Fate, Phone, PhoneCall, PhoneListen, PhoneVoice, Sound};
pub(crate) use prompt::Prompt;
pub(crate) use trace::Trace;
pub(crate) use trunk::{Trunk, TrunkFields};

/// Self-hosted privacy numbers, wire-compatible with the vms API 2022-01-01.
#[derive(Debug, Parser)]
#[command(name = "axbridge", version, about, propagate_version = true)]
#[command(disable_help_subcommand = true, after_help = FIRST_STEPS)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  axbridge demo        see it work, in a directory of its own
  axbridge serve       run the server; it prints what to do next";

/// How a client command reaches its server.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Global {
    /// Data directory of a server on this machine [default: axbridge-data]
    ///
    /// Client commands read `operator.json` there, which the server writes at
    /// its start: its endpoint and the operator key.
    #[arg(long, global = true, value_name = "DIR", help_heading = REACH)]
    pub(crate) data: Option<PathBuf>,

    /// URL of the server [environment: AXBRIDGE_ENDPOINT]
    #[arg(long, global = true, value_name = "URL", help_heading = REACH)]
    pub(crate) endpoint: Option<String>,

    /// Access key id [environment: AXBRIDGE_ACCESS_KEY]
    #[arg(long, global = true, value_name = "ID", help_heading = REACH)]
    pub(crate) access_key: Option<String>,

    /// Its secret [environment: AXBRIDGE_SECRET_KEY]
    ///
    /// Others on this machine can see flags in the list of processes; prefer
    /// the environment.
    #[arg(long, global = true, value_name = "SECRET", help_heading = REACH)]
    pub(crate) secret_key: Option<Hidden>,

    /// PEM file of a private certificate authority to trust
    /// [environment: AXBRIDGE_CA_FILE]
    #[arg(long, global = true, value_name = "FILE", help_heading = REACH)]
    pub(crate) ca_file: Option<PathBuf>,

    /// Print one JSON value with the field names of the API
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

const REACH: &str = "Reaching the server";

/// A text that is not shown.
#[derive(Clone, Default)]
pub(crate) struct Hidden(pub(crate) String);

impl From<&str> for Hidden {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show everything at work: numbers, a key, bindings, who would ring
    Demo(Demo),
    /// Run the server
    Serve(Serve),
    /// Access keys
    #[command(subcommand)]
    Key(Key),
    /// Number pools
    #[command(subcommand)]
    Pool(Pool),
    /// Privacy numbers
    #[command(subcommand)]
    Number(Number),
    /// Call records: what calls left
    #[command(subcommand)]
    Cdr(Cdr),
    /// Where events go: receivers of calls, records, recordings
    #[command(subcommand)]
    Callback(Callback),
    /// Events, and who was told
    #[command(subcommand)]
    Event(Event),
    /// Risk control: blacklists, and how often numbers may call and be called
    #[command(subcommand)]
    Risk(Risk),
    /// Call any action of the API, signed
    #[command(disable_help_flag = true)]
    Call(Call),
    /// Who would ring if this caller dialled this X now
    Resolve(Resolve),
    /// How the numbers of a pool stand for a pair, and why it would be refused
    Explain(Explain),
    /// Trunks: SIP peers over which calls come and go
    #[command(subcommand)]
    Trunk(Trunk),
    /// Prompts: what callers hear before they are connected
    #[command(subcommand)]
    Prompt(Prompt),
    /// A scripted softphone and carrier, for tests without a carrier
    #[command(subcommand)]
    Phone(Phone),
    /// What a server's log says about one call, message by message
    Trace(Trace),
    /// Check settings, store, clock, ports and disk
    Doctor(Settings),
    /// Put load on a server and measure its answers
    Bench(Bench),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the reference pages that come from the program's own tables
    #[command(hide = true)]
    GenerateDocs(GenerateDocs),
}

/// `demo`.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Exit when everything was shown, instead of staying up until Ctrl-C
    #[arg(long)]
    pub(crate) once: bool,
}

/// `serve`.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// Settings from the command line.
#[derive(Args, Debug, Default)]
pub(crate) struct Settings {
    /// Settings file, TOML
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Listen here for the API (setting http.listen); port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) http: Option<String>,
    /// Take calls here (setting voice.sip): ADDRESS:PORT, tcp:ADDRESS:PORT or tls:ADDRESS:PORT;
    /// several with commas
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) sip: Option<String>,
    /// Listen here for metrics and health (setting operator.listen); "" is off
    #[arg(long, value_name = "ADDRESS:PORT", alias = "metrics-http")]
    pub(crate) operator_http: Option<String>,
    /// Keep the data in this PostgreSQL database (setting store.url)
    ///
    /// A password in it is visible in the list of processes: prefer the
    /// environment, AXBRIDGE__STORE__URL.
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<Hidden>,
}

/// `key`.
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make an access key; its secret is shown this once
    Create {
        /// What it may do
        #[arg(long, value_enum, default_value_t = Role::Application)]
        role: Role,
        /// Account it belongs to [default: that of the key that asks]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// Name of a new account, made for this key
        #[arg(long, value_name = "NAME", conflicts_with = "account")]
        account_name: Option<String>,
        /// A note on it
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// List access keys, without their secrets
    List {
        /// Only those of this account
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
    /// Disable an access key for good
    Disable {
        /// Its id
        access_key_id: String,
    },
}

/// What a key may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Role {
    /// The vendor's actions on its own account
    Application,
    /// Everything
    Operator,
}

impl Role {
    /// The name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Operator => "operator",
        }
    }
}

/// `pool`.
#[derive(Debug, Subcommand)]
pub(crate) enum Pool {
    /// Make a pool
    Create {
        /// Its name
        #[arg(long)]
        name: String,
        /// What its numbers serve for (SubServiceType; 201 is AX and AXB)
        #[arg(long, value_name = "CODE", default_value_t = 201)]
        sub_service_type: i64,
        /// What it is used for
        #[arg(long, value_name = "TEXT")]
        scene: Option<String>,
        /// Account it belongs to [default: that of the key that asks]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        #[command(flatten)]
        rules: PoolRules,
    },
    /// List pools
    List {
        /// Only those whose name contains this
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        page: Page,
    },
    /// Show one pool
    Show {
        /// Its number
        pool: String,
    },
    /// Change a pool's name or rules
    Update {
        /// Its number
        pool: String,
        /// The new name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        rules: PoolRules,
    },
}

/// How a pool's numbers are chosen and reused.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PoolRules {
    /// Which number a binding gets: protect, pack, spread or random
    #[arg(long, value_name = "NAME", help_heading = RULES)]
    pub(crate) policy: Option<String>,
    /// When a city that nobody named is exhausted: any other, or none
    #[arg(long, value_name = "any|none", help_heading = RULES)]
    pub(crate) city_fallback: Option<String>,
    /// How long an ended route stays closed to others
    #[arg(long, value_name = "SECONDS", help_heading = RULES)]
    pub(crate) quarantine_s: Option<u64>,
    /// How long even when nothing else is free
    #[arg(long, value_name = "SECONDS", help_heading = RULES)]
    pub(crate) quarantine_min_s: Option<u64>,
    /// The most live bindings on one number
    #[arg(long, value_name = "COUNT", help_heading = RULES)]
    pub(crate) bindings_per_number_max: Option<u64>,
}

const RULES: &str = "Rules";

/// One page of a listing.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Page {
    /// How many to show
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub(crate) limit: u64,
    /// How many to pass over
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) offset: u64,
}

/// `number`.
#[derive(Debug, Subcommand)]
pub(crate) enum Number {
    /// Put the numbers of a CSV file into a pool
    ///
    /// A line is number,city_code,type (the type may be left out); a head line is passed over. Lines that
    /// cannot be taken are reported and the others are imported. Doing it again
    /// changes nothing.
    Import(Import),
    /// List numbers
    List {
        /// Only those of this pool
        #[arg(long, value_name = "NP")]
        pool: Option<String>,
        /// Only this number
        #[arg(long)]
        number: Option<String>,
        /// Only those in this state (NumberStatusCode)
        #[arg(long, value_name = "CODE")]
        status: Option<i64>,
        #[command(flatten)]
        page: Page,
    },
}

/// `number import`.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// Pool that gets them
    #[arg(long, value_name = "NP")]
    pub(crate) pool: String,
    /// Write every refused line here: line, reason, text
    #[arg(long, value_name = "FILE")]
    pub(crate) refused: Option<PathBuf>,
    /// The CSV file; - reads standard input
    #[arg(value_name = "FILE.csv")]
    pub(crate) file: PathBuf,
}

/// `cdr`.
#[derive(Debug, Subcommand)]
pub(crate) enum Cdr {
    /// List calls, newest first
    List {
        #[command(flatten)]
        filter: CallFilter,
        #[command(flatten)]
        page: Page,
    },
    /// Show the records of calls that are over
    Show {
        /// Their ids
        #[arg(required = true, value_name = "CALL_ID")]
        calls: Vec<String>,
    },
    /// Print the records of all calls that fit, as CSV or one JSON object a line
    Export {
        #[command(flatten)]
        filter: CallFilter,
        /// How to write them
        #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
        format: ExportFormat,
    },
}

/// Which calls.
#[derive(Args, Clone, Debug)]
pub(crate) struct CallFilter {
    /// Only this account's [default: all that the key may see]
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// Only by this binding
    #[arg(long, value_name = "SUB_ID")]
    pub(crate) sub_id: Option<String>,
    /// Only to this X
    #[arg(long, value_name = "NUMBER")]
    pub(crate) x: Option<String>,
    /// Only with this real number as caller, callee, A or B
    #[arg(long, value_name = "NUMBER")]
    pub(crate) number: Option<String>,
    /// Only those that arrived at this moment or later
    #[arg(long, value_name = "UNIX_SECONDS")]
    pub(crate) from: Option<i64>,
    /// Only those that arrived before this moment
    #[arg(long, value_name = "UNIX_SECONDS")]
    pub(crate) to: Option<i64>,
    /// Only those that came out so (CallResult)
    #[arg(long, value_name = "CODE")]
    pub(crate) result: Option<i64>,
    /// Only those that this node carried
    #[arg(long, value_name = "NAME")]
    pub(crate) node: Option<String>,
}

/// How an export is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A line of names, then a line a call
    Csv,
    /// One JSON object a line
    Jsonl,
}

/// `risk`.
#[derive(Debug, Subcommand)]
pub(crate) enum Risk {
    /// Put a number on the blacklist of the key's account
    Add {
        /// The number
        number: String,
        /// What it is kept from: 1 being called, 5 being bound as A, 6 as B, 7
        /// to 10 calls of one direction
        #[arg(long = "type", value_name = "CODE")]
        kind: i64,
        /// For how long: 12 is 30 days, 13 is 90, 14 is 180, 15 is 360, 29 is
        /// until it is removed
        #[arg(long, value_name = "CODE", default_value_t = 12)]
        freeze_time: i64,
        /// Why
        #[arg(long, value_name = "TEXT")]
        remark: String,
    },
    /// Take a number off the blacklist of the key's account
    Remove {
        /// The number
        number: String,
        /// What it was kept from
        #[arg(long = "type", value_name = "CODE")]
        kind: i64,
    },
    /// List blacklist entries
    List {
        /// Account whose they are [default: that of the key that asks]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// Only on this number
        #[arg(long)]
        number: Option<String>,
        /// Those that ended as well
        #[arg(long)]
        ended: bool,
        #[command(flatten)]
        page: Page,
    },
    /// Show how often numbers may call, be called and be bound
    Limits {
        /// The account [default: that of the key that asks]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
    },
    /// Set how often numbers may call, be called and be bound
    ///
    /// A window is minutes/calls: 5/3 lets a number be called three times in
    /// five minutes; caller:5/3 counts the calls that a number makes,
    /// bound_as_a:60/20 and bound_as_b:60/20 its binds. Without windows there
    /// is no limit.
    SetLimits {
        /// The account [default: that of the key that asks]
        #[arg(long, value_name = "ID")]
        account: Option<String>,
        /// The windows
        #[arg(value_name = "WINDOW")]
        windows: Vec<String>,
    },
}

/// `call`.
#[derive(Args, Debug)]
pub(crate) struct Call {
    /// ACTION and its parameters: --number-pool-no NP… --phone-no-a 137…
    ///
    /// Names may be written as in the API or in small letters with hyphens. A
    /// list is a flag given several times. `--help` after an action shows its
    /// parameters; without an action, all actions are listed.
    #[arg(
        value_name = "ACTION [--PARAMETER VALUE]...",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) words: Vec<String>,
}

/// `resolve`.
#[derive(Args, Debug)]
pub(crate) struct Resolve {
    /// The privacy number that is dialled
    #[arg(long, value_name = "NUMBER")]
    pub(crate) x: String,
    /// Who calls
    #[arg(long, value_name = "NUMBER")]
    pub(crate) caller: Option<String>,
    /// What the caller keyed, when X asks for an extension
    #[arg(long, value_name = "DIGITS")]
    pub(crate) extension: Option<String>,
}

/// `explain`.
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// Pool to choose from
    #[arg(long, value_name = "NP")]
    pub(crate) pool: String,
    /// The protected party
    #[arg(long, value_name = "NUMBER")]
    pub(crate) a: String,
    /// The counterpart; without it, an AX
    #[arg(long, value_name = "NUMBER")]
    pub(crate) b: Option<String>,
    /// The city that is wanted
    #[arg(long, value_name = "CODE")]
    pub(crate) city: Option<String>,
    /// Without a city, take that of A or of B
    #[arg(long, value_name = "A|B")]
    pub(crate) city_by: Option<String>,
    /// A fallback city, or PNPC; several times for several
    #[arg(long, value_name = "CODE")]
    pub(crate) degrade: Vec<String>,
}

/// `generate-docs`.
#[derive(Args, Debug)]
pub(crate) struct GenerateDocs {
    /// Directory of the pages
    #[arg(long, value_name = "DIR", default_value = "docs/reference")]
    pub(crate) dir: PathBuf,
    /// Write nothing; fail if a page is not up to date
    #[arg(long)]
    pub(crate) check: bool,
}
