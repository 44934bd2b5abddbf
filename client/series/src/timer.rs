//! systemd units that run a series every day.

/// The units: file name and content each. `calendar` is systemd's `OnCalendar`, `program` the
/// path of `hashget`, `series_file` that of the series file, `name` what is run.
pub fn units(
    program: &str,
    series_file: &str,
    name: Option<&str>,
    calendar: &str,
) -> [(String, String); 2] {
    let unit = match name {
        Some(name) => format!("hashget-series-{}", name.replace(['/', ' '], "-")),
        None => "hashget-series".to_owned(),
    };
    let what = name.map_or_else(|| "all sections".to_owned(), str::to_owned);
    let words = [program, "series", "run", "--series-file", series_file];
    let words: Vec<String> = words.into_iter().chain(name).map(quoted).collect();
    let service = format!(
        "[Unit]\n\
         Description=Backup series of hashget: {what}\n\
         Documentation=man:hashget(1)\n\
         Wants=network-online.target\n\
         After=network-online.target\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart={}\n\
         Nice=10\n\
         IOSchedulingClass=idle\n",
        words.join(" ")
    );
    let timer = format!(
        "[Unit]\n\
         Description=Runs the backup series of hashget: {what}\n\
         \n\
         [Timer]\n\
         OnCalendar={calendar}\n\
         # A run that was missed because the machine was off is made up for.\n\
         Persistent=true\n\
         RandomizedDelaySec=10min\n\
         \n\
         [Install]\n\
         WantedBy=timers.target\n"
    );
    [
        (format!("{unit}.service"), service),
        (format!("{unit}.timer"), timer),
    ]
}

/// A word of `ExecStart` as systemd reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@:+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let escaped = word
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('%', "%%")
        .replace('$', "$$");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timer_catches_up_and_words_are_quoted() {
        let [service, timer] = units("/usr/bin/hashget", "/etc/my 50%.toml", Some("a/b"), "daily");
        assert_eq!(service.0, "hashget-series-a-b.service");
        let line =
            "ExecStart=/usr/bin/hashget series run --series-file \"/etc/my 50%%.toml\" a/b\n";
        assert!(service.1.contains(line), "{}", service.1);
        assert!(timer.1.contains("\nPersistent=true\n") && timer.1.contains("OnCalendar=daily\n"));
    }
}
