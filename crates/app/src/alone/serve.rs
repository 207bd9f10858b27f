//! `carillon serve`: database, dialler and API in one process.

use super::listen::Listener;
use super::{doctor, logs, open, systemd, upkeep};
use crate::config::Source;
use crate::failure::{Failure, chain};
use axum_server::Handle;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};

/// After a signal: requests in progress may take this long to end.
const DRAIN: Duration = Duration::from_secs(2);
/// After a signal: the process is gone by then, whatever hangs.
const EXIT: Duration = Duration::from_millis(4_800);
/// For what only the log can explain.
const SEE_LOG: &str = "the lines above say more; --help shows the settings";
/// Between two tidyings of the metrics, which would grow otherwise.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// Upper bounds of the time histograms, in seconds.
const TIME_BUCKETS: &[f64] =
    &[0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];

/// Serves until SIGTERM or SIGINT.
pub(crate) async fn run(source: &Source) -> Result<(), Failure> {
    let (config, origin) = source.load()?;
    let logging = logs::start(&config.log)?;
    origin.warnings.iter().for_each(|warning| warn!("{warning}"));
    let started_at = store::now();
    let metrics = start_metrics()?;
    logging.count_losses();
    // The port first: nothing is dialled by a server that nobody can stop.
    let listener = Listener::open(&config).await?;
    let store = open::existing(&config).await?;
    let stop = stop_signal()?;
    let mailer = config.mail.as_ref().map(node::Mailer::new).transpose();
    let mailer = mailer.map_err(|invalid| Failure::config(format!("mail.{}: {}", invalid.field, invalid.problem)))?;
    let settings = node::Settings { disk_free_min_bytes: u64::from(config.disk_free_min_mib) << 20, mailer };
    let (node, stopper) = node::start(store.clone(), settings)
        .await
        .map_err(|error| Failure::refused(format!("the dialler cannot start: {}", chain(&error))).remedy(SEE_LOG))?;
    let feed = store::Feed::start(store.clone());
    let guard = notify::Guard::allowing(config.webhooks_allow.clone());
    let webhooks = notify::Webhooks::start(store.clone(), feed.clone(), guard.clone());
    let webhooks = webhooks.await.map_err(|error| open::failure(&error))?;
    let rules = notify::Rules::start(store.clone(), Some(node.clone()), guard);
    let rules = rules.map_err(|error| open::failure(&error))?;
    let screens = api::live::Screens::start(Some(node.clone()));
    let app = api::App {
        store: store.clone(),
        node: Some(node.clone()),
        zone: config.zone.clone(),
        metrics,
        imports: api::imports::Imports::default(),
        events: api::events::Streams::of(feed.clone()),
        forecasts: api::forecasts::Room::default(),
        screens: screens.clone(),
        checks: doctor::for_the_api(config.clone(), origin),
        webhooks: webhooks.clone(),
        rules: rules.clone(),
        started_at,
        browsers: api::Browsers { limits: config.sessions, tls: config.tls.is_some() },
        wombat: api::wombat::Wombat::of(config.wombat.clone()),
    };
    api::resume_imports(&app).await.map_err(|error| open::failure(&error))?;
    api::resume_test_calls(&app).await.map_err(|error| open::failure(&error))?;
    info!(url = listener.url(), zone = config.zone, "carillon {} serves the API", env!("CARGO_PKG_VERSION"));
    let handle = Handle::new();
    let mut served = tokio::spawn(listener.serve(api::router(app), handle.clone()));
    // Ends with the process: a step that is cut short has changed nothing.
    tokio::spawn(upkeep::run(store.clone(), config.retention));
    systemd::ready(node);
    tokio::select! {
        () = stop => info!("stopping: no further call is placed"),
        // Nothing leaves any more: the lease's end stands in the way of every originate.
        holder = store.fenced() => {
            exit_in_time();
            error!(holder, "another process has taken over: this one ends");
            return Err(Failure::taken_over(format!("another process has taken over the database: {holder}"))
                .remedy("this process was away too long; start it again to stand by"));
        }
        // Ends by itself only when the port can no longer be served.
        ended = &mut served => {
            exit_in_time();
            stopper.stop().await;
            let why = ended.map_or_else(|error| error.to_string(), |ended| ended.err().map_or_else(String::new, |e| e.to_string()));
            return Err(Failure::refused(format!("the API ended: {why}")).remedy(SEE_LOG));
        }
    }
    systemd::stopping();
    exit_in_time();
    feed.close();
    screens.close();
    handle.graceful_shutdown(Some(DRAIN));
    rules.stop().await;
    let (_, served, ()) = tokio::join!(stopper.stop(), served, webhooks.stop());
    store.close().await;
    match served {
        Ok(Ok(())) => {
            info!("stopped");
            Ok(())
        }
        Ok(Err(error)) => Err(Failure::refused(format!("the API ended: {error}")).remedy(SEE_LOG)),
        Err(error) => Err(Failure::refused(format!("the API ended: {error}")).remedy(SEE_LOG)),
    }
}

/// Resolves with the first SIGTERM or SIGINT. The handlers stand when this returns.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let wrong = |error: std::io::Error| Failure::refused(format!("cannot handle signals: {error}")).remedy(SEE_LOG);
    let mut terminate = signal(SignalKind::terminate()).map_err(wrong)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(wrong)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// A thread of its own, so that a runtime that hangs cannot keep the process. Calls up are found again at the next
/// start, so leaving hard costs nothing but the reconciliation.
fn exit_in_time() {
    std::thread::spawn(|| {
        std::thread::sleep(EXIT);
        warn!("not everything ended in time: leaving");
        std::process::exit(1);
    });
}

fn start_metrics() -> Result<PrometheusHandle, Failure> {
    let wrong = |error| Failure::refused(format!("metrics: {error}")).remedy(SEE_LOG);
    let recorder =
        PrometheusBuilder::new().set_buckets(TIME_BUCKETS).map_err(wrong)?.install_recorder().map_err(wrong)?;
    let upkeep = recorder.clone();
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(METRICS_UPKEEP);
        loop {
            tick.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(recorder)
}
