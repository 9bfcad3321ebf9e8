//! Folding a store again, apart from any running node.

use std::sync::Arc;

use domains::{Cut, Pictures, Placed, View, ViewName};
use log::{HighWater, StoreRead};
use sync::{Arrival, Output};

use crate::entropy::SystemEntropy;
use crate::error::Error;
use crate::node::Being;
use crate::officer;

/// A view folded from a store, and how far each log reaches in it.
pub(crate) struct Replayed {
    pub(crate) view: View,
    pub(crate) cut: Cut,
}

impl Replayed {
    /// The pictures of everything folded.
    pub(crate) fn pictures(&mut self) -> Result<Pictures, Error> {
        // A replay does not look at its view on the way, so nothing was let go.
        let pictures = self.view.pictures_at(&self.cut);
        pictures.map_err(|error| {
            Error::input(error.to_string(), "report this: a replay keeps every fact")
        })
    }
}

/// The view of that name, if this node folds it.
pub(crate) fn view_named(being: &Being, text: &str) -> Result<ViewName, Error> {
    let hint = "name `own` or one of the charter's audiences";
    let name: ViewName =
        text.parse().map_err(|error: log::Error| Error::input(error.to_string(), hint))?;
    let known: Vec<String> = std::iter::once("own".to_owned())
        .chain(being.charter.audiences_of(being.config.node.partner()).map(|a| a.to_string()))
        .collect();
    if known.contains(&name.to_string()) {
        return Ok(name);
    }
    let known = known.join("`, `");
    Err(Error::input(format!("expected a view out of `{known}`, got `{name}`"), hint))
}

/// Folds view `name` from a store; nothing is written. `marks` is what the high-water
/// file says, if there is one.
pub(crate) fn replay(
    being: &Being,
    store: &impl StoreRead,
    marks: Option<&HighWater>,
    name: ViewName,
) -> Result<Replayed, Error> {
    let now = being.clock.now();
    let setup = sync::Setup {
        config: sync::Config::default(),
        charter: Arc::clone(&being.charter),
        secrets: being.secrets.clone(),
    };
    let (node, outputs) = sync::Node::restore(setup, store, marks, now, &mut SystemEntropy)
        .map_err(|error| Error::Store {
            path: being.config.database(),
            message: error.to_string(),
            hint: "run `watchfire fsck`".to_owned(),
        })?;
    let mut view = View::new(name);
    for output in &outputs {
        let Output::Fact { fact, arrival } = output else { continue };
        let placed = match arrival {
            Arrival::Apart => Placed::read_apart(fact),
            _ => Placed::read(fact),
        };
        if officer::check(fact, &being.charter).is_ok()
            && let Some(placed) = placed
        {
            view.insert_placed(&placed, now);
        }
    }
    Ok(Replayed { view, cut: node.cut() })
}
