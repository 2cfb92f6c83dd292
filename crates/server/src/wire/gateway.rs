//! The routers of the API crate, with the settings they take.

use std::sync::Arc;

use axbridge_api::gateway::{self, GatewaySettings, OverRate};
use axbridge_app::App;
use axum::Router;

use crate::config::{OverRateAnswer, Settings};

/// The API.
pub(super) fn routes(app: &Arc<App>, settings: &Settings) -> Router {
    let (api, http) = (&settings.api, &settings.http);
    let settings = GatewaySettings {
        business_error_status: api.business_error_status,
        requests_per_key_per_s: (api.requests_per_key_per_s > 0)
            .then_some(api.requests_per_key_per_s),
        over_rate: match api.over_rate_answer {
            OverRateAnswer::OverQpsLimit => OverRate::OverQpsLimit,
            OverRateAnswer::FlowLimitExceeded => OverRate::FlowLimitExceeded,
        },
        body_bytes_max: http.body_bytes_max,
        clock_skew_s: api.clock_skew_s.into(),
        concurrent_requests_max: http.concurrent_requests_max,
        request_timeout: http.request_timeout(),
    };
    gateway::router(app.clone(), settings)
}

/// Metrics and health.
pub(super) fn operator_routes(app: &Arc<App>) -> Router {
    gateway::operator_router(app.clone())
}
