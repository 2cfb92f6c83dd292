//! Where a carrier hears: a port for RTP and the next one for RTCP. Every packet is kept.

use std::{
    io,
    net::SocketAddr,
    sync::{Mutex, MutexGuard},
};

use tokio::net::UdpSocket;

use crate::leaks::leaks;

/// Tries at a pair of free ports.
const TRIES_MAX: usize = 100;
/// Of a packet that carries sound only its head can tell anything in binary.
const RTP_HEAD_BYTES: usize = 12;

pub(crate) struct Ear {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    heard: Mutex<Vec<Vec<u8>>>,
}

impl Ear {
    pub(crate) async fn at(ip: &str) -> Self {
        for _ in 0..TRIES_MAX {
            let rtp = UdpSocket::bind((ip, 0)).await.expect("a port");
            let port = rtp.local_addr().expect("an address").port();
            let Some(next) = port.checked_add(1).filter(|_| port % 2 == 0) else {
                continue;
            };
            if let Ok(rtcp) = UdpSocket::bind((ip, next)).await {
                let heard = Mutex::default();
                return Self { rtp, rtcp, heard };
            }
        }
        panic!("no two ports side by side at {ip}");
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.rtp.local_addr()
    }

    pub(crate) async fn send_to(&self, packet: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.rtp.send_to(packet, to).await
    }

    pub(crate) async fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (length, from) = self.rtp.recv_from(buffer).await?;
        self.heard().push(buffer[..length].to_vec());
        Ok((length, from))
    }

    /// Sends a report and waits for the one that comes back.
    pub(crate) async fn report(&self, packet: &[u8], to: SocketAddr) -> Vec<u8> {
        self.rtcp.send_to(packet, to).await.expect("sent");
        let mut buffer = [0; 2048];
        let length = self.rtcp.recv(&mut buffer).await.expect("a report");
        self.heard().push(buffer[..length].to_vec());
        buffer[..length].to_vec()
    }

    fn heard(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.heard.lock().expect("what was heard")
    }

    /// Takes what came and was not listened to.
    pub(crate) fn drain(&self) {
        let mut buffer = [0; 2048];
        for socket in [&self.rtp, &self.rtcp] {
            while let Ok(length) = socket.try_recv(&mut buffer) {
                self.heard().push(buffer[..length].to_vec());
            }
        }
    }

    /// No packet tells of the other side: names, numbers, hosts, also in binary.
    pub(crate) fn has_learnt_nothing(&self, needles: &[&str], host: Option<[u8; 4]>) {
        self.drain();
        let packets = self.heard().clone();
        for packet in packets {
            assert_eq!(leaks(&packet, needles), [], "{packet:?}");
            // RTCP has packet types 200 to 207 where RTP has its payload type.
            let is_report = packet.get(1).is_some_and(|kind| (200..208).contains(kind));
            let end = packet.len().min(RTP_HEAD_BYTES);
            let head = if is_report {
                &packet[..]
            } else {
                &packet[..end]
            };
            let tells = host.is_some_and(|host| head.windows(4).any(|it| it == host));
            assert!(!tells, "{packet:?}");
        }
    }
}
