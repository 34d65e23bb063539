// SPDX-License-Identifier: Apache-2.0
//
// QueryStats: how many incidents, over time, by what. One pass over the incidents, however many
// buckets there are.
#include <algorithm>
#include <map>
#include <vector>

#include <fmt/core.h>

#include "api/error.h"
#include "api/fields.h"
#include "api/filter.h"
#include "api/query.h"
#include "base/status.h"

namespace tocsin::api {
namespace {

constexpr int64_t kPointsMax = 1000;
constexpr size_t kSeriesMax = 1000;
constexpr int64_t kDefaultPoints = 60;
constexpr Duration kDefaultRange = std::chrono::hours(24);

struct Range {
  int64_t start = 0, step = 1;
  int64_t points = 0;
  // The bucket that holds the time; -1: before the first, `points`: after the last.
  int64_t BucketOf(int64_t time) const {
    if (time < start) return -1;
    return std::min((time - start) / step, points);
  }
};

absl::StatusOr<Range> RangeOf(const v1::QueryStatsRequest& request, Time now) {
  int64_t end = request.has_end_time() ? NanosOf(request.end_time()) : ToNanos(now);
  Range range;
  range.start =
      request.has_start_time() ? NanosOf(request.start_time()) : end - kDefaultRange.count();
  if (range.start >= end) {
    return BadField("start_time", "must lie before end_time", "INVALID_TIME");
  }
  if (request.has_step()) {
    range.step = request.step().seconds() * 1'000'000'000 + request.step().nanos();
    if (range.step < 1'000'000'000) {
      return BadField("step", "must be a second or more", "INVALID_TIME");
    }
  } else {
    range.step = std::max<int64_t>((end - range.start) / kDefaultPoints, 1'000'000'000);
  }
  range.points = (end - range.start + range.step - 1) / range.step;
  if (range.points > kPointsMax) {
    return BadField(
        "step",
        fmt::format("makes {} points, of at most {}: write a longer one", range.points, kPointsMax),
        "TOO_MANY_POINTS");
  }
  return range;
}

// What the incident counts under; several of a kind count under each.
std::vector<std::string> ValuesOf(const std::string& label, const v1::Incident& incident) {
  auto many = [](const google::protobuf::RepeatedPtrField<std::string>& values) {
    std::vector<std::string> out(values.begin(), values.end());
    if (out.empty()) out.emplace_back();
    return out;
  };
  if (label == "cluster") return {incident.cluster()};
  if (label == "signature") return {incident.root_cause().signature()};
  if (label == "severity") return {v1::Severity_Name(incident.severity())};
  if (label == "state") return {v1::Incident::State_Name(incident.state())};
  if (label == "namespace") return many(incident.namespaces());
  if (label == "node") return many(incident.nodes());
  return many(incident.workloads());
}

absl::Status CheckLabels(const google::protobuf::RepeatedPtrField<std::string>& labels) {
  static constexpr std::string_view kKnown[] = {"cluster",   "signature", "severity", "state",
                                                "namespace", "node",      "workload"};
  for (const std::string& label : labels) {
    if (std::find(std::begin(kKnown), std::end(kKnown), label) == std::end(kKnown)) {
      return BadField("group_by",
                      fmt::format("{} is none of cluster, signature, severity, state, namespace, "
                                  "node, workload",
                                  Quoted(label)));
    }
    if (std::count(labels.begin(), labels.end(), label) > 1) {
      return BadField("group_by", fmt::format("{} stands in it twice", Quoted(label)));
    }
  }
  return absl::OkStatus();
}

struct Series {
  std::vector<int64_t> opened, resolved, hits;
  std::vector<int64_t> change;  // of what is open, at the beginning of each bucket
  explicit Series(int64_t points)
      : opened(points), resolved(points), hits(points), change(points + 1) {}
};

void Count(const v1::Incident& incident, const Range& range, Series& series) {
  const int64_t open = range.BucketOf(NanosOf(incident.open_time()));
  if (open >= range.points) return;
  if (open >= 0) {
    ++series.opened[open];
    series.hits[open] += incident.hit_count();
  }
  ++series.change[std::max<int64_t>(open, 0)];
  if (incident.state() != v1::Incident::RESOLVED) return;
  const int64_t resolved = range.BucketOf(NanosOf(incident.resolve_time()));
  if (resolved < 0) {
    --series.change[0];  // over before it began
  } else if (resolved < range.points) {
    ++series.resolved[resolved];
    --series.change[resolved];
  }
}

}  // namespace

absl::StatusOr<v1::QueryStatsResponse> Query::QueryStats(const v1::QueryStatsRequest& request,
                                                         const Cancelled& cancelled) const {
  ASSIGN_OR_RETURN(const std::string cluster, ClusterOfParent(request.parent()));
  ASSIGN_OR_RETURN(const Filter filter,
                   Filter::Parse(request.filter(), IncidentSchema(), clock_.Now()));
  ASSIGN_OR_RETURN(const Range range, RangeOf(request, clock_.Now()));
  RETURN_IF_ERROR(CheckLabels(request.group_by()));

  std::map<std::vector<std::string>, Series> groups;
  bool gave_up = false, too_many = false;
  size_t visited = 0;
  auto scanned = board_.Scan(cluster, [&](const v1::Incident& incident) {
    if (++visited % 256 == 0 && cancelled && cancelled()) gave_up = true;
    if (gave_up || too_many) return false;
    if (!filter.Matches(incident)) return true;
    std::vector<std::vector<std::string>> keys = {{}};
    for (const std::string& label : request.group_by()) {
      std::vector<std::vector<std::string>> longer;
      for (const std::vector<std::string>& key : keys) {
        for (const std::string& value : ValuesOf(label, incident)) {
          longer.push_back(key);
          longer.back().push_back(value);
        }
      }
      keys = std::move(longer);
      if (keys.size() > kSeriesMax) break;
    }
    for (std::vector<std::string>& key : keys) {
      auto [series, inserted] = groups.try_emplace(std::move(key), range.points);
      if (groups.size() > kSeriesMax) {
        too_many = true;
        return false;
      }
      Count(incident, range, series->second);
    }
    return true;
  });
  RETURN_IF_ERROR(scanned.status());
  if (gave_up) {
    return WithReason(Error(absl::StatusCode::kCancelled, "the caller gave up waiting"),
                      "CANCELLED");
  }
  if (too_many) {
    return BadField("group_by",
                    fmt::format("makes more than {} series: group by less, or filter", kSeriesMax),
                    "TOO_MANY_SERIES");
  }

  v1::QueryStatsResponse response;
  for (const auto& [key, series] : groups) {
    v1::QueryStatsResponse::Series& out = *response.add_series();
    for (size_t i = 0; i < key.size(); ++i) {
      (*out.mutable_labels())[request.group_by(static_cast<int>(i))] = key[i];
    }
    int64_t open = 0;
    for (int64_t i = 0; i < range.points; ++i) {
      open += series.change[i];
      v1::QueryStatsResponse::Point& point = *out.add_points();
      const int64_t time = range.start + i * range.step;
      point.mutable_time()->set_seconds(time / 1'000'000'000);
      point.mutable_time()->set_nanos(static_cast<int32_t>(time % 1'000'000'000));
      point.set_opened(series.opened[i]);
      point.set_resolved(series.resolved[i]);
      point.set_open(open);
      point.set_hits(series.hits[i]);
    }
  }
  return response;
}

}  // namespace tocsin::api
