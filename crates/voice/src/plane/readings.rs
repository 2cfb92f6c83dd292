//! The plane's counts as metrics.

use std::sync::{Arc, Weak};

use axbridge_app::metrics::{Reading, Sample, Source, Values};

use super::{SET_UP_BOUNDS_MS, Shared, VoiceStatistics, statistics};
use crate::media::Refusal;

/// Reads the plane for as long as it lives.
pub(super) struct Readings(Weak<Shared>);

impl Readings {
    pub(super) fn of(shared: &Arc<Shared>) -> Arc<Self> {
        Arc::new(Self(Arc::downgrade(shared)))
    }
}

impl Source for Readings {
    fn read(&self) -> Vec<Reading> {
        let Some(shared) = self.0.upgrade() else {
            return Vec::new();
        };
        let now = statistics(&shared);
        let mut readings = calls(&now);
        readings.extend(trunks(&now));
        readings.extend(sound(&now));
        readings
    }
}

fn plain(value: f64) -> Vec<Sample> {
    vec![Sample {
        labels: Vec::new(),
        value,
    }]
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Reading {
    Reading {
        name,
        help,
        values: Values::Gauge(plain(value)),
    }
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Reading {
    Reading {
        name,
        help,
        values: Values::Counter(plain(value as f64)),
    }
}

fn calls(now: &VoiceStatistics) -> Vec<Reading> {
    let ended = now.ended.iter().map(|(result, count)| Sample {
        labels: vec![("result", result.name().to_owned())],
        value: *count as f64,
    });
    let bounds = SET_UP_BOUNDS_MS.iter().map(|ms| *ms as f64 / 1_000.0);
    let turned = now.turned_by_guard.iter().filter(|(_, count)| *count > 0);
    vec![
        gauge("voice_calls", "Calls on this node now", now.calls as f64),
        counter("voice_calls_arrived", "Calls that arrived", now.arrived),
        counter(
            "voice_calls_turned_away",
            "Calls that the node had no room for",
            now.turned_away,
        ),
        Reading {
            name: "voice_calls_ended",
            help: "Calls that ended on this node, by result",
            values: Values::Counter(ended.collect()),
        },
        Reading {
            name: "voice_call_set_up_seconds",
            help: "Time from a call's arrival to its ringing or answer",
            values: Values::Histogram {
                buckets: bounds
                    .chain([f64::INFINITY])
                    .zip(now.set_up.iter().copied())
                    .collect(),
                sum: now.set_up_ms as f64 / 1_000.0,
            },
        },
        Reading {
            name: "voice_messages_refused",
            help: "SIP messages that the guard turned away, by cause",
            values: Values::Counter(
                turned
                    .map(|(cause, count)| Sample {
                        labels: vec![("cause", cause.name().to_owned())],
                        value: *count as f64,
                    })
                    .collect(),
            ),
        },
        gauge(
            "voice_sip_transactions",
            "SIP transactions that run",
            now.stack.transactions as f64,
        ),
        gauge(
            "voice_sip_dialogs",
            "SIP dialogs that are held",
            now.stack.dialogs as f64,
        ),
    ]
}

fn trunks(now: &VoiceStatistics) -> Vec<Reading> {
    let legs = now.by_trunk.iter().map(|(trunk, count)| Sample {
        labels: vec![("trunk", trunk.to_string())],
        value: f64::from(*count),
    });
    let peers = now.peers.iter().map(|(trunk, peer, up)| Sample {
        labels: vec![("trunk", trunk.to_string()), ("peer", peer.clone())],
        value: f64::from(u8::from(*up)),
    });
    vec![
        Reading {
            name: "voice_trunk_calls",
            help: "Legs on each trunk now",
            values: Values::Gauge(legs.collect()),
        },
        Reading {
            name: "voice_trunk_peer_up",
            help: "Whether a trunk's peer answers OPTIONS (1) or not (0)",
            values: Values::Gauge(peers.collect()),
        },
    ]
}

fn sound(now: &VoiceStatistics) -> Vec<Reading> {
    let media = &now.media;
    let traffic = &media.traffic;
    let refused = Refusal::ALL.iter().map(|cause| Sample {
        labels: vec![("cause", cause.name().to_owned())],
        value: traffic.refused(*cause) as f64,
    });
    vec![
        gauge(
            "voice_rtp_port_pairs_in_use",
            "Pairs of RTP ports in use, two for each call",
            media.port_pairs_in_use as f64,
        ),
        gauge(
            "voice_rtp_port_pairs",
            "Pairs of RTP ports that there are",
            media.port_pairs as f64,
        ),
        counter(
            "voice_rtp_packets_received",
            "RTP packets taken",
            traffic.packets_in,
        ),
        counter(
            "voice_rtp_packets_sent",
            "RTP packets sent",
            traffic.packets_out,
        ),
        counter(
            "voice_rtp_packets_lost",
            "RTP packets that were expected and did not come",
            traffic.lost,
        ),
        Reading {
            name: "voice_rtp_packets_refused",
            help: "RTP packets not taken, by cause",
            values: Values::Counter(refused.collect()),
        },
        gauge(
            "voice_rtp_jitter_seconds",
            "Mean jitter of the sides of finished calls",
            now.jitter_ms / 1_000.0,
        ),
        counter(
            "voice_recordings_finished",
            "Recordings written",
            media.recordings_finished,
        ),
        counter(
            "voice_recordings_failed",
            "Recordings that failed",
            media.recordings_failed,
        ),
    ]
}
