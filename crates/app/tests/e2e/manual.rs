//! The manual is true: every command it shows is run, page by page, against a real server and real Asterisks.
//!
//! In a page, a line of a `console` block that begins with `$ ` is a command; what follows it is what it prints. Digits
//! and the widths of tables may differ, `...` stands for anything. What prints `error: ` must fail, all else must succeed.

use crate::common::Home;
use crate::switch_from::Wombat;
use crate::world::{PATIENCE, World};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use testkit::process::POLL;
use testkit::{PortBlock, Process, process};

/// Longest run of one command; the longest of the manual watches a campaign of a few calls.
const ONE_COMMAND: Duration = Duration::from_secs(90);
/// Stands between what a command printed and its exit code.
const MARK: char = '\u{1e}';
/// What only looks: asked again until it shows what the page says, as a reader would.
const LOOKS: [&str; 7] = ["why", "live", "pbx show", "run show", "run list", "attempt", "dialling status"];

/// A command of a page.
#[derive(Debug)]
struct Shown {
    /// 1-based line of the page.
    line: usize,
    /// As it is typed, without `$ `.
    typed: String,
    /// What the page says it prints.
    prints: Vec<String>,
}

/// Somebody who does what a page says.
struct Reader {
    page: &'static str,
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
    served: Option<Process>,
}

#[test]
fn install_md_leads_to_a_server_that_answers() {
    let home = Home::new();
    let ports = PortBlock::lease().unwrap();
    let listen = format!("127.0.0.1:{}", ports.api);
    let printed = Reader::new("install.md", &home).with("CARILLON_LISTEN", listen).follow();
    holds(&printed, &["the settings are right", "did you mean \"listen\"?", "-rw-------", "carillon live"]);
}

#[test]
fn postgresql_md_leads_to_a_server_on_a_database_of_its_own() {
    let home = Home::new();
    let ports = PortBlock::lease().unwrap();
    let database = testkit::postgres::Database::new().unwrap();
    let reader = Reader::new("postgresql.md", &home).with("CARILLON_DATABASE", database.url());
    let printed = reader.with("CARILLON_LISTEN", format!("127.0.0.1:{}", ports.api)).follow();
    holds(&printed, &["the settings are right", "made the data folder", "in use by a running server"]);
}

#[test]
fn your_asterisk_md_connects_a_pbx_and_explains_one_that_refuses() {
    let world = World::without_pbx();
    let printed = Reader::of("your-asterisk.md", &world).follow();
    holds(&printed, &["up, Asterisk 22.", "or its password is wrong", "is Asterisk running"]);
    holds(&printed, &["5 per 100 ms, at most", "pbx branch removed"]);

    let text = page("your-asterisk.md");
    for typed in text.lines().filter_map(|line| line.split_once("asterisk -rx \"")?.1.split('"').next()) {
        let answer = world.pair.pbx.cli(typed).unwrap();
        assert!(!answer.contains("No such"), "{typed}: {answer}");
    }
    // The PBX of this test is set up as the page says, but for what is the reader's own.
    let own = ["bind", "example", "choose-a-long-one", "survey", "CALLSTATUS"];
    let files = fs::read_dir(world.pair.pbx.folder().join("etc")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.is_file()).map(|path| fs::read_to_string(path).unwrap()).collect::<String>();
    for line in text.split("```ini\n").skip(1).flat_map(|block| block.lines().take_while(|line| *line != "```")) {
        let is_ours = line.is_empty() || line.starts_with(';') || own.iter().any(|word| line.contains(word));
        assert!(is_ours || files.lines().any(|there| there == line), "the PBX is not set up with {line:?}");
    }
}

#[test]
fn first_campaign_md_dials_retries_and_reports() {
    let world = World::without_pbx();
    let printed = Reader::of("first-campaign.md", &world).follow();
    holds(&printed, &["4 rows, 3 accepted, 1 refused", "is COMPLETED: 6 attempts, 1 connected", "RS_REJECTED"]);
}

#[test]
fn lists_md_imports_every_format_it_names() {
    let world = World::start();
    let printed = Reader::of("lists.md", &world).follow();
    holds(&printed, &["utf-16le", "windows-1252", "2 left out as duplicates", "its contacts are gone"]);
}

#[test]
fn campaigns_md_sets_every_setting() {
    let world = World::start();
    let printed = Reader::of("campaigns.md", &world).follow();
    holds(&printed, &["09:00:00-17:59:59, days 23456, Europe/Madrid", "has no trunk", "is PAUSED"]);
}

#[test]
fn agents_md_dials_for_who_is_there() {
    let world = World::start();
    let printed = Reader::of("agents.md", &world).follow();
    holds(&printed, &["nobody is logged on to the queue", "end point agents changed", "is REMOVED"]);
    let files = world.pair.pbx.folder().join("etc");
    let there = ["queues.conf", "extensions.conf"].map(|name| fs::read_to_string(files.join(name)).unwrap()).concat();
    // The PBX of the tests has no safe harbour: where it is missing is tested too, and `paced` adds it.
    let there = there + domain::pacing::HARBOUR_LINES;
    for line in
        page("agents.md").split("```ini\n").skip(1).flat_map(|block| block.lines().take_while(|line| *line != "```"))
    {
        assert!(line.is_empty() || there.lines().any(|known| known == line), "the PBX is not set up with {line:?}");
    }
}

#[test]
fn ledger_md_shows_and_verifies_books() {
    let world = World::start();
    let printed = Reader::of("ledger.md", &world).follow();
    holds(&printed, &["nothing was counted of campaign spring", "no call to a queue was answered"]);
}

#[test]
fn pacing_md_paces_a_simulator() {
    let home = Home::new();
    let printed = Reader::new("pacing.md", &home).follow();
    holds(&printed, &["{\"launch\":2}", "tick before hello"]);
}

#[test]
fn forecast_md_plays_a_campaign_ahead() {
    let world = World::start();
    let printed = Reader::of("forecast.md", &world).follow();
    holds(&printed, &["what you said", "nobody takes its calls", "is outside 0..=1", "said"]);
}

#[test]
fn watching_md_shows_figures_timeline_and_report() {
    let world = World::start();
    let printed = Reader::of("watching.md", &world).follow();
    holds(&printed, &["dialling, 0 calls in progress", "allowed by: dialling_not_held", "dialled twice"]);
}

#[test]
fn events_md_follows_a_run() {
    let world = World::start();
    let printed = Reader::of("events.md", &world).follow();
    holds(&printed, &["run.started by admin", "attempt.ended", "is beyond the newest event", "retry: 2000"]);
}

#[test]
fn web_md_asks_for_the_checks() {
    let world = World::start();
    Reader::of("web.md", &world).follow();
}

#[test]
fn users_md_lets_people_in_and_takes_a_change_back() {
    let world = World::without_pbx();
    let printed = Reader::of("users.md", &world).follow();
    holds(
        &printed,
        &["user ana made", "one of the commonest", "nobody else could administer", "is taken back: user class Sales"],
    );
}

#[test]
fn webhooks_md_adds_tests_and_replays() {
    let world = World::allowing_webhooks();
    let printed = Reader::of("webhooks.md", &world).follow();
    holds(&printed, &["is not on the internet", "whsec_", "could not be reached", "delivered once more"]);
}

#[test]
fn wombatdialer_md_is_spoken() {
    let world = World::start();
    let printed = Reader::of("wombatdialer.md", &world).follow();
    holds(&printed, &["is started: run 1", "is PAUSED", "is a copy of", "\"state\": \"READY\"", "WBTUP"]);
}

#[test]
fn switching_md_takes_a_configuration_over() {
    let world = World::without_pbx();
    let wombat = Wombat::of(&world.pair.pbx.manager());
    let printed = Reader::of("switching.md", &world).with("WOMBAT", wombat.address()).follow();
    holds(&printed, &["would be made", "here already", "spring", "callbacks"]);
}

#[test]
fn stop_md_holds_and_lifts_dialling() {
    let world = World::start();
    let printed = Reader::of("stop.md", &world).follow();
    holds(&printed, &["dialling is stopped", "by admin: the carrier complains", "dialling is resumed", "is REMOVED"]);
}

#[test]
fn suppression_md_keeps_a_number_from_being_called() {
    let world = World::start();
    let printed = Reader::of("suppression.md", &world).follow();
    holds(&printed, &["is suppressed since", "is not suppressed", "COMPLETED", "2 numbers are in force"]);
}

#[test]
fn alerts_md_hears_of_a_hold() {
    let world = World::start();
    let printed = Reader::of("alerts.md", &world).follow();
    holds(&printed, &["nothing is wrong", "dialling is held by admin: fire drill", "no mail server is configured"]);
}

#[test]
fn why_md_says_who_is_kept_back_by_which_rule() {
    let world = World::start();
    let printed = Reader::of("why.md", &world).follow();
    holds(&printed, &["no run is open", "= may be called now", "no consent is known", "in Europe/Madrid"]);
}

#[test]
fn privacy_md_erases_a_person() {
    let world = World::start();
    let printed = Reader::of("privacy.md", &world).follow();
    holds(&printed, &["forgotten: 1 contacts in 1 lists, 1 lines of verdict files", "15554000008"]);
    let (_, shown) = printed.rsplit_once("list show people").unwrap();
    assert!(!shown.contains("5554000007") && !shown.contains("Anastasia"), "{shown}");
}

#[test]
fn doctor_md_examines_a_sound_installation_and_a_broken_one() {
    let world = World::start();
    let own = |name: &str| world.home.path(name).display().to_string();
    let reader = Reader::of("doctor.md", &world).with("CARILLON_CONFIG", own("carillon.toml"));
    let printed = reader.with("CARILLON_DATA", own("carillon-data")).follow();
    holds(&printed, &["ok       server", "failed   pbx.login typo", "error: one check failed"]);
}

#[test]
fn backup_md_restores_holds_and_accepts() {
    let home = Home::new();
    let ports = PortBlock::lease().unwrap();
    let listen = format!("127.0.0.1:{}", ports.api);
    let printed = Reader::new("backup.md", &home).with("CARILLON_LISTEN", listen).follow();
    holds(&printed, &["read and found sound", "exists already", "by restore", "dialling is resumed"]);
}

#[test]
fn api_md_speaks_to_the_api() {
    let world = World::start();
    let printed = Reader::of("api.md", &world).follow();
    holds(&printed, &["\"code\":\"unauthorized\"", "\"code\":\"forbidden\"", "\"state\":\"COMPLETED\""]);
}

#[test]
fn outcomes_md_reads_causes_and_codes() {
    let world = World::start();
    let printed = Reader::of("outcomes.md", &world).follow();
    holds(&printed, &["RS_BUSY", "RS_NUMBER", "RS_NOANSWER"]);
}

#[test]
fn every_page_is_in_the_index_is_tested_and_links_to_files_that_exist() {
    let here = include_str!("manual.rs");
    let index = page("README.md");
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let text = page(&name);
        if name == "README.md" {
            assert!(commands(&name, &text).is_empty(), "{name} is not run");
        } else {
            assert!(index.contains(&format!("({name})")), "{name} is not in the index");
            assert!(here.contains(&format!("\"{name}\", &")), "{name} has no test");
        }
        for target in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let exists = target.is_empty() || target.starts_with("http") || folder().join(target).exists();
            assert!(exists, "{name} links to {target}");
        }
    }
}

/// Also in prose and in blocks that are not run.
#[test]
fn no_command_is_named_that_does_not_exist() {
    let mut named = BTreeSet::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        for line in page(&name).lines() {
            for mention in line.split("carillon ").skip(1) {
                let mention = mention.split(['`', '|', '>', '#', ';', ',', ')', '"']).next().unwrap_or_default();
                named.insert(mention.trim().to_owned());
            }
        }
    }
    let home = Home::new();
    let help = |verbs: &[&str]| home.run(&[verbs, &["--help"]].concat()).ok();
    let names = |help: &str, verb: &str| help.lines().any(|line| line.split_whitespace().next() == Some(verb));
    for mention in &named {
        let words: Vec<&str> = mention.split_whitespace().collect();
        let mut verbs: Vec<&str> = Vec::new();
        let mut shown = help(&verbs);
        for word in &words {
            let is_noun = shown.contains("Usage: carillon") && shown.contains("<COMMAND>");
            if !is_noun {
                break;
            }
            // In a sentence the name of the program, or a noun, may stand before any word.
            let is_option = words.iter().any(|word| word.starts_with("--"));
            assert!(names(&shown, word) || !is_option, "carillon {mention}: there is no {word}");
            if !names(&shown, word) {
                break;
            }
            verbs.push(word);
            shown = help(&verbs);
        }
        for option in words.iter().filter(|word| word.starts_with("--") && word.len() > 2) {
            assert!(shown.contains(option), "carillon {mention}: there is no {option}\n{shown}");
        }
    }
    assert!(named.len() > 30, "the manual was not read: {named:?}");
}

impl Reader {
    /// In an empty folder, with the program on the path and nothing else that it listens to.
    fn new(page: &'static str, home: &Home) -> Self {
        let folder = home.path("manual");
        fs::create_dir(&folder).unwrap();
        let program = Path::new(env!("CARGO_BIN_EXE_carillon")).parent().unwrap().display().to_string();
        let path = format!("{program}:{}", std::env::var("PATH").unwrap_or_default());
        Self { page, folder, environment: vec![("PATH", path), ("LC_ALL", "C.UTF-8".into())], served: None }
    }

    /// With the server and the PBX of `world`, as the pages call them.
    fn of(page: &'static str, world: &World) -> Self {
        let ari = world.pair.pbx.ari();
        let token = fs::read_to_string(world.home.path("carillon-data/token")).unwrap();
        Self::new(page, &world.home)
            .with("CARILLON_SERVER", format!("http://127.0.0.1:{}", world.pair.ports.api))
            .with("CARILLON_TOKEN", token.trim().to_owned())
            .with("ARI_HOST", ari.host)
            .with("ARI_PORT", ari.port.to_string())
            .with("ARI_USER", ari.user)
            .with("AMI_PORT", world.pair.ports.pbx_ami.to_string())
            .with("AMI_USER", world.pair.pbx.manager().user)
            .with("CARILLON_MANAGER_PASSWORD", ari.password.clone())
            .with("CARILLON_PBX_PASSWORD", ari.password)
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.environment.push((name, value));
        self
    }

    /// Runs every command of the page in order; returns all that was typed and printed.
    fn follow(mut self) -> String {
        let all = commands(self.page, &page(self.page));
        assert!(all.len() > 2, "{} shows no commands", self.page);
        let mut printed = String::new();
        for command in &all {
            if command.typed.starts_with("carillon serve") {
                self.serve(command);
                continue;
            }
            let text = self.until_as_shown(command);
            printed.push_str(&format!("$ {}\n{text}", command.typed));
        }
        printed
    }

    /// Runs a command and compares; what only looks is repeated for a while.
    fn until_as_shown(&self, command: &Shown) -> String {
        let looks = LOOKS.iter().any(|verb| command.typed.starts_with(&format!("carillon {verb}")));
        let end = Instant::now() + if looks { PATIENCE } else { Duration::ZERO };
        loop {
            let (code, text) = self.run(command);
            let fails = command.prints.iter().any(|line| line.starts_with("error: "));
            let problem = match missing(&command.prints, &text) {
                _ if (code != 0) != fails => Some(format!("it ended with {code}")),
                missing => missing.map(|line| format!("it does not print {line:?}")),
            };
            match problem {
                None => return text,
                Some(_) if Instant::now() < end => std::thread::sleep(POLL),
                Some(why) => panic!("{}:{}: $ {}\n{why}\n{text}", self.page, command.line, command.typed),
            }
        }
    }

    /// Exit code and both outputs. Variables that a command sets are there for the next one.
    fn run(&self, command: &Shown) -> (i32, String) {
        let state = self.folder.join(".environment");
        let script = format!(
            "exec 2>&1\nset -a\n[ ! -e '{0}' ] || . '{0}'\n{1}\ncode=$?\nexport -p > '{0}'\nprintf '{MARK}%d' $code\n",
            state.display(),
            command.typed
        );
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).current_dir(&self.folder);
        self.prepare(&mut bash);
        let output = process::run(bash, ONE_COMMAND)
            .unwrap_or_else(|error| panic!("{}:{}: $ {}\n{error}", self.page, command.line, command.typed));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (text, code) = text.rsplit_once(MARK).unwrap_or_else(|| panic!("no exit code: {text}"));
        (code.parse().unwrap(), text.to_owned())
    }

    /// A server does not end by itself: it goes on until the page is done.
    fn serve(&mut self, command: &Shown) {
        let listen = &self.environment.iter().find(|(name, _)| *name == "CARILLON_LISTEN").unwrap().1;
        let url = format!("http://{listen}/healthz");
        let mut program = Command::new(env!("CARGO_BIN_EXE_carillon"));
        program.args(command.typed.split_whitespace().skip(1)).current_dir(&self.folder);
        self.prepare(&mut program);
        let mut process = Process::start("carillon", program, &self.folder.join("serve.log")).unwrap();
        process.wait_for_http(&url, PATIENCE).unwrap();
        assert_eq!(missing(&command.prints, &process.log()), None, "{}", process.log());
        self.served = Some(process);
    }

    fn prepare(&self, command: &mut Command) {
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARILLON_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manual")
}

fn page(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The commands of a page. One that would not be run, because its block is of another kind, is a mistake of the page.
fn commands(name: &str, text: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    let mut block = None::<&str>;
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    while let Some((number, line)) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            block = if block.is_some() { None } else { Some(kind) };
            continue;
        }
        let command = line.strip_prefix("$ ");
        assert!(command.is_none() || block == Some("console"), "{name}:{number}: a command outside a console block");
        let Some(command) = command else {
            if let (Some("console"), Some(last)) = (block, found.last_mut()) {
                last.prints.push(line.to_owned());
            }
            continue;
        };
        let mut typed = command.to_owned();
        // A line that ends in a backslash or inside quotes goes on in the next.
        while typed.ends_with('\\') || typed.matches('\'').count() % 2 == 1 {
            typed.push_str(&format!("\n{}", lines.next().unwrap_or_else(|| panic!("{name}:{number}: no next line")).1));
        }
        if let Some((_, end)) = command.split_once("<<'") {
            let end = end.split('\'').next().unwrap_or_default();
            while !typed.ends_with(&format!("\n{end}")) {
                let (_, line) = lines.next().unwrap_or_else(|| panic!("{name}:{number}: no {end}"));
                typed.push_str(&format!("\n{line}"));
            }
        }
        found.push(Shown { line: number, typed, prints: Vec::new() });
    }
    found
}

/// The first line of `shown` that `printed` lacks, or has in another order.
fn missing<'a>(shown: &'a [String], printed: &str) -> Option<&'a str> {
    let mut printed = printed.lines();
    let wanted = shown.iter().filter(|line| !matches!(line.trim(), "" | "..."));
    wanted.map(String::as_str).find(|wanted| !printed.any(|line| is_alike(wanted, line)))
}

/// Whether two lines differ in digits and in blanks and lines of tables only; `...` stands for anything.
fn is_alike(shown: &str, printed: &str) -> bool {
    let (shown, mut rest) = (shape(shown), shape(printed));
    let mut parts = shown.split("...").map(str::trim);
    let Some(first) = parts.next().and_then(|first| rest.strip_prefix(first)) else { return false };
    rest = first.to_owned();
    let mut open = false;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after.to_owned();
        open = part.is_empty();
    }
    open || rest.is_empty()
}

/// Its words with `#` for each run of digits, without the lines of a table.
fn shape(line: &str) -> String {
    let words = line.split(|c: char| c.is_whitespace() || ('\u{2500}'..='\u{257f}').contains(&c));
    words.filter(|word| !word.is_empty()).map(digits_as_one).collect::<Vec<_>>().join(" ")
}

fn digits_as_one(word: &str) -> String {
    let mut shape = String::new();
    for c in word.chars() {
        match c {
            '0'..='9' if shape.ends_with('#') => {}
            '0'..='9' => shape.push('#'),
            other => shape.push(other),
        }
    }
    shape
}

/// What the page is about was really printed.
#[track_caller]
fn holds(printed: &str, parts: &[&str]) {
    for part in parts {
        assert!(printed.contains(part), "{part:?} is not in\n{printed}");
    }
}

#[test]
fn a_line_of_the_manual_is_compared_by_its_words() {
    assert!(is_alike("│ run  │ 7 │ 12.3 % │", "│ run │ 1234 │ 1.0 % │"));
    assert!(is_alike("import 1: ...", "import 44: 3 rows, 2 accepted"));
    assert!(is_alike("... by admin: ... complains", "stopped since 09:50 by admin: the carrier complains"));
    assert!(!is_alike("... by admin", "stopped since 09:50 by admin: the carrier complains"));
    assert!(!is_alike("import 1:", "import 44: 3 rows, 2 accepted"));
    assert!(!is_alike("run 1 is COMPLETED", "run 1 is REMOVED"));
    let shown = ["a".to_owned(), "...".to_owned(), "c".to_owned()];
    assert_eq!(missing(&shown, "a\nb\nc\n"), None);
    assert_eq!(missing(&shown, "c\na\n"), Some("c"));
}

#[test]
fn commands_are_found_with_their_lines_and_what_they_print() {
    let text = "x\n```console\n$ a \\\n  b\none\n$ cat <<'END'\n$ 1\nEND\n```\n```sh\nc\n```\n";
    let found: Vec<_> = commands("x", text).into_iter().map(|c| (c.line, c.typed, c.prints)).collect();
    let expected = [(3, "a \\\n  b", vec!["one"]), (6, "cat <<'END'\n$ 1\nEND", vec![])];
    let expected = expected.map(|(line, typed, prints)| {
        (line, typed.to_owned(), prints.iter().map(|p: &&str| (*p).to_owned()).collect::<Vec<_>>())
    });
    assert_eq!(found, expected);
}
