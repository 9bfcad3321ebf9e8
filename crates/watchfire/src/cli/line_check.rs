//! `line-check`: a running node's lines, tested with real entries that nobody folds.

use super::{ConfigArgument, print};
use crate::client::Client;
use crate::config::Config;
use crate::core::line_check::{Latency, LineCheckAnswer, LineCheckOrder};
use crate::error::Error;

#[derive(clap::Args)]
pub(super) struct LineCheckArguments {
    #[command(flatten)]
    node: ConfigArgument,
    /// The partner, such as JPN; every partner of the widest audience if absent
    partner: Option<String>,
    /// How many entries, 1 to 100; 10 if absent
    #[arg(long)]
    count: Option<u32>,
    /// Bytes of content of each, 16 to 16384; 256 if absent
    #[arg(long)]
    size: Option<u32>,
    /// The lane: flash, immediate, priority or routine; routine if absent
    #[arg(long)]
    precedence: Option<String>,
    /// As one JSON object
    #[arg(long)]
    json: bool,
}

impl LineCheckArguments {
    pub(super) fn run(&self) -> Result<(), Error> {
        let client = Client::of(&Config::read(&self.node.config)?)?;
        let order = LineCheckOrder {
            partner: self.partner.clone(),
            count: self.count,
            size: self.size,
            precedence: self.precedence.clone(),
        };
        let answer: LineCheckAnswer = client.post("/api/v1/line-check", &order)?;
        if self.json {
            let answer = serde_json::to_string(&answer).expect("an answer is plain data");
            print(&format!("{answer}\n"));
        } else {
            print(&page(&answer));
        }
        Ok(())
    }
}

fn page(answer: &LineCheckAnswer) -> String {
    let LineCheckAnswer { audience, lane, size, sent, local, nodes } = answer;
    let times = |latency: &Option<Latency>| match latency {
        Some(Latency { p50_ms, p99_ms, max_ms }) => {
            format!("p50 {p50_ms:.1} ms  p99 {p99_ms:.1} ms  max {max_ms:.1} ms")
        }
        None => "none held".to_owned(),
    };
    let mut page = format!("{sent} entries of {size} bytes in the {lane} lane for {audience}\n");
    page += &format!("durable here  {}\n", times(local));
    for found in nodes {
        page += &format!(
            "held by {}  {} of {}, {} lost  {}\n",
            found.node,
            found.held,
            found.sent,
            found.lost,
            times(&found.latency)
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use crate::core::line_check::LineCheckResult;

    use super::*;

    #[test]
    fn the_page_says_what_was_held_and_lost() {
        let result = |node: &str, held: u32, latency| {
            let node: base::NodeId = node.parse().expect("a node");
            let at = base::Timestamp::from_seconds(0);
            let (partner, lane) = (node.partner(), "routine".to_owned());
            LineCheckResult {
                node,
                partner,
                lane,
                at,
                size: 256,
                sent: 10,
                held,
                lost: 10 - held,
                latency,
            }
        };
        let latency = Latency { p50_ms: 2.04, p99_ms: 3.96, max_ms: 4.0 };
        let answer = LineCheckAnswer {
            audience: "JPN+KOR+USA".to_owned(),
            lane: "routine".to_owned(),
            size: 256,
            sent: 10,
            local: Some(Latency { p50_ms: 0.5, p99_ms: 0.5, max_ms: 0.5 }),
            nodes: vec![result("JPN-1", 10, Some(latency)), result("USA-1", 0, None)],
        };
        assert_eq!(
            page(&answer),
            "10 entries of 256 bytes in the routine lane for JPN+KOR+USA\n\
             durable here  p50 0.5 ms  p99 0.5 ms  max 0.5 ms\n\
             held by JPN-1  10 of 10, 0 lost  p50 2.0 ms  p99 4.0 ms  max 4.0 ms\n\
             held by USA-1  0 of 10, 10 lost  none held\n"
        );
    }
}
