//! Which hints are obeyed, and for what.

use std::collections::BTreeMap;
use std::path::Path;

use hashget_words::rel_path::{RelPath, display_bytes};

use crate::heuristics::{PackageLocation, PackageRequest};
use crate::hint_scope::HintScopes;
use hashget_files::monitor::{Level, Monitor};

/// Takes out the requests of hints that are not obeyed, which are named to `monitor`. Gives what the others may say
/// something of in the tree at `root`, too, and how many were taken out.
pub(super) fn judge(
    requests: Vec<PackageRequest>,
    root: &Path,
    monitor: &dyn Monitor,
) -> (Vec<PackageRequest>, HintScopes, u64) {
    let mut scopes = HintScopes::default();
    let mut refused: BTreeMap<&'static str, (u64, String)> = BTreeMap::new();
    let mut obeyed = Vec::with_capacity(requests.len());
    for request in requests {
        let Some(hint) = &request.hint else {
            obeyed.push(request);
            continue;
        };
        if let Some(why) = hint.refused {
            let name = display_bytes(hint.path.as_os_str().as_encoded_bytes()).into_owned();
            let text = format!("the hint {name} is not obeyed: {why}");
            monitor.message(Level::Detail, &text);
            refused.entry(why).or_insert((0, name)).0 += 1;
            continue;
        }
        let directory = hint.path.parent().and_then(|it| it.strip_prefix(root).ok());
        let directory = directory.and_then(|it| RelPath::from_path(it).ok());
        if let (Some(directory), PackageLocation::Url(url)) = (directory, &request.location) {
            scopes.add(url.clone(), directory);
        }
        obeyed.push(request);
    }
    for (why, (count, first)) in &refused {
        let text = match count {
            1 => format!("the hint {first} is not obeyed: {why}"),
            _ => format!("{count} hints are not obeyed, {first} the first of them: {why}"),
        };
        monitor.message(Level::Warning, &text);
    }
    let refused = refused.values().map(|(count, _)| count).sum();
    (obeyed, scopes, refused)
}
