// Feature levels: which formats and commands a release knows (design 9). What is stored and sent
// outlives the program that wrote it, so each set of formats has a number, and the cluster map says
// which one all nodes have agreed on. formats.md beside this file lists the formats.
//
// A node writes and sends only what the cluster's level allows, whatever it knows itself. It raises
// nothing by itself: an operator does (ringfortctl upgrade finalize), once every node knows the
// next level. Until then every node may go back to the release before.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "ringfort/status.h"

namespace ringfort::features {

/// The newest level that this program knows; it knows all below.
inline constexpr FeatureLevel kNewest{1};

/// What came with a level. Each names the first level that allows it.
/// The log: segments of format 3, in which member lists may be of format 1.
inline constexpr FeatureLevel kLogSegments3{1};
/// Member lists of format 1: with a number of their own, and the shard's epoch.
inline constexpr FeatureLevel kMembers1{1};
/// Shards that are begun anew from one copy (raft/recovery.h): every node knows that the others are
/// void.
inline constexpr FeatureLevel kRecovery{1};

/// The first release that knows the level, "0.2.0"; for one above kNewest, a description of it.
std::string ReleaseOf(FeatureLevel level);

/// kUnsupported: `what` is of a level that this program does not know. Says which release it takes
/// and that nothing was changed. `release` is the name of that release where somebody told it.
Status TooNew(std::string_view what, FeatureLevel level, std::string_view release = {});
/// kUnsupported: `what` has a format that this program does not know, and that names no level.
Status UnknownFormat(std::string_view what);

}  // namespace ringfort::features
