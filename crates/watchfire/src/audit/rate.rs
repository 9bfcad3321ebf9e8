//! Requests a second by address: a token bucket each, of a bounded number of addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Addresses counted at once; when there are more, those that have rested longest are forgotten first.
const CLIENTS_MAX: usize = 4_096;
/// Seconds' worth of requests that may come at once: an audit begins with a burst.
const BURST_S: f64 = 5.0;

/// What is left to each address.
pub(super) struct Rates {
    per_s: f64,
    clients: Mutex<BTreeMap<IpAddr, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    pub(super) fn new(per_s: u32) -> Self {
        Self { per_s: f64::from(per_s), clients: Mutex::default() }
    }

    /// Takes one request of `address` at `now`, or says in how many seconds to come back.
    pub(super) fn take(&self, address: IpAddr, now: Instant) -> Result<(), u64> {
        let burst = self.per_s * BURST_S;
        let mut clients = self.clients.lock().expect("no holder panics");
        let address = super::client(address);
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(&address) {
            let rested = clients.iter().min_by_key(|(_, bucket)| bucket.at).map(|(of, _)| *of);
            rested.map(|rested| clients.remove(&rested));
        }
        let bucket = clients.entry(address).or_insert(Bucket { left: burst, at: now });
        let rested: Duration = now.saturating_duration_since(bucket.at);
        bucket.left = (bucket.left + rested.as_secs_f64() * self.per_s).min(burst);
        bucket.at = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            Ok(())
        } else {
            Err(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_rate_each_address_apart() {
        let rates = Rates::new(10);
        let (one, other): (IpAddr, IpAddr) =
            ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let start = crate::clock::instant();
        for taken in 0..50 {
            assert_eq!(rates.take(one, start), Ok(()), "request {taken}");
        }
        assert_eq!(rates.take(one, start), Err(1));
        assert_eq!(rates.take(other, start), Ok(()));
        let later = start + Duration::from_millis(250);
        assert_eq!((0..4).filter(|_| rates.take(one, later).is_ok()).count(), 2);
        // The same customer's network is one client.
        for host in 0..49 {
            let address = format!("2001:db8::{host}").parse().unwrap();
            assert_eq!(rates.take(address, start), Ok(()));
        }
        assert_eq!(rates.take("2001:db8::ffff".parse().unwrap(), start), Err(1));
    }

    #[test]
    fn addresses_are_bounded() {
        let rates = Rates::new(1);
        let start = crate::clock::instant();
        for number in 0..u32::try_from(CLIENTS_MAX).unwrap() + 100 {
            let at = start + Duration::from_millis(u64::from(number));
            rates.take(IpAddr::V4(number.into()), at).unwrap();
        }
        assert_eq!(rates.clients.lock().unwrap().len(), CLIENTS_MAX);
    }
}
