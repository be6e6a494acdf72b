// Log replication: the primary's windows, the follower's log, and what is committed.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "raft/quorum.h"
#include "raft/raft.h"

namespace ringfort::raft {

std::optional<LogIndex> Raft::Propose(MonotonicTime now, std::vector<SharedBytes> commands) {
  (void)now;
  if (role_ != Role::kPrimary || transfer_) return std::nullopt;
  const LogIndex first = log_.last_index() + 1;
  std::vector<Entry> entries;
  entries.reserve(commands.size());
  for (SharedBytes& command : commands) {
    entries.push_back(
        Entry{term(), first + entries.size(), EntryKind::kCommand, std::move(command)});
  }
  AppendOwn(std::move(entries));
  return first;
}

void Raft::AppendOwn(std::vector<Entry> entries) {
  log_.Append(entries);
  unstored_.insert(unstored_.end(), std::make_move_iterator(entries.begin()),
                   std::make_move_iterator(entries.end()));
  replicate_wanted_ = true;
}

// The primary's side.

void Raft::Replicate(MonotonicTime now) {
  replicate_wanted_ = false;
  for (auto& [follower, progress] : progress_) ReplicateTo(now, follower, progress);
}

void Raft::ReplicateTo(MonotonicTime now, ReplicaId follower, Progress& progress) {
  if (!progress.connected || progress.state == Progress::State::kSetAside) return;
  if (progress.fetching) return;
  if (progress.state != Progress::State::kSnapshot && progress.next <= log_.base().index) {
    progress.BecomeSnapshot(/*makes_it=*/false);
  }
  if (progress.state == Progress::State::kSnapshot) {
    OrderSnapshot(now, follower, progress);
    return;
  }
  if (progress.wants_snapshot) OrderSnapshot(now, follower, progress);
  const bool probe = progress.state == Progress::State::kProbe;
  if (probe && progress.probing) return;
  if (probe && progress.unanswered) {
    SendAppend(now, follower, progress, {});
    return;
  }
  while (progress.next <= log_.last_index() && progress.flight_bytes < options_.window_bytes_max) {
    std::vector<Entry> entries =
        log_.Cached(progress.next, log_.last_index(), options_.append_bytes_max);
    if (entries.empty()) {
      progress.fetching = true;
      fetches_.push_back(Fetch{follower, progress.next, std::min(log_.last_index(), durable_)});
      return;
    }
    SendAppend(now, follower, progress, std::move(entries));
    if (probe) return;
  }
  if (probe) SendAppend(now, follower, progress, {});
}

void Raft::SendAppend(MonotonicTime now, ReplicaId follower, Progress& progress,
                      std::vector<Entry> entries) {
  const LogIndex previous = progress.next - 1;
  const std::optional<Term> previous_term = log_.TermAt(previous);
  RF_CHECK(previous_term.has_value());
  if (progress.state == Progress::State::kProbe) {
    progress.probing = true;
  } else if (!entries.empty()) {
    std::size_t bytes = 0;
    for (const Entry& entry : entries) bytes += entry.size_bytes();
    progress.next = entries.back().index + 1;
    progress.flights.push_back({entries.back().index, bytes});
    progress.flight_bytes += bytes;
  }
  progress.asked_at = now;
  progress.commit_sent = commit_;
  Send(follower, AppendRequest{previous, *previous_term, commit_, std::move(entries),
                               progress.confirmed ? log_.last_index() : LogIndex(), everywhere_});
}

void Raft::OnFetched(MonotonicTime now, ReplicaId follower, std::vector<Entry> entries) {
  Progress* progress = FindProgress(follower);
  if (progress == nullptr || !progress->fetching) return;
  progress->fetching = false;
  progress->asked_at = now;
  const bool wanted =
      !entries.empty() && progress->connected && progress->state != Progress::State::kSetAside &&
      progress->state != Progress::State::kSnapshot && entries.front().index == progress->next &&
      progress->next > log_.base().index &&
      log_.TermAt(entries.back().index) == std::optional<Term>(entries.back().term);
  if (!wanted) return;  // The log or the follower went another way meanwhile; a tick tries again.
  SendAppend(now, follower, *progress, std::move(entries));
  replicate_wanted_ = true;
}

void Raft::OnUnreadable(ReplicaId follower) {
  Progress* progress = FindProgress(follower);
  if (progress == nullptr || !progress->fetching) return;
  progress->fetching = false;
  progress->BecomeSnapshot(/*makes_it=*/false);
  replicate_wanted_ = true;
}

void Raft::OnConnected(MonotonicTime now, ReplicaId member) {
  (void)now;
  votes_.erase(member);
  Progress* progress = FindProgress(member);
  if (progress == nullptr) return;
  progress->connected = true;
  progress->ForgetConfirmation();
  if (progress->state == Progress::State::kSetAside) return;
  if (progress->state == Progress::State::kReplicate) progress->BecomeProbe();
  progress->probing = false;
  progress->unanswered = false;
  replicate_wanted_ = true;
}

void Raft::OnGone(ReplicaId member) {
  votes_.erase(member);
  Progress* progress = FindProgress(member);
  if (progress == nullptr) return;
  progress->connected = false;
  progress->ForgetConfirmation();
  if (progress->state == Progress::State::kReplicate) progress->BecomeProbe();
}

void Raft::OnNamed(MonotonicTime now, ReplicaId from, Term term) {
  if (term > this->term()) {
    BecomeFollower(now, term, ReplicaId());
    return;
  }
  Progress* progress = FindProgress(from);
  if (progress == nullptr || progress->state == Progress::State::kSetAside) return;
  progress->promised_from = kNever;
  // An append, be it empty, makes it follow this primary.
  if (progress->asked_at != kNever && now - progress->asked_at < options_.retry_after / 3) return;
  AppendAnew(now, from, *progress);
}

void Raft::AppendAnew(MonotonicTime now, ReplicaId follower, Progress& progress) {
  if (!progress.connected || progress.state == Progress::State::kSnapshot) return;
  if (progress.state == Progress::State::kReplicate && progress.next > log_.base().index) {
    SendAppend(now, follower, progress, {});
    return;
  }
  progress.unanswered = progress.unanswered || progress.probing;
  progress.probing = false;
  replicate_wanted_ = true;
}

void Raft::OnAppendReply(MonotonicTime now, const Message& message, const AppendReply& reply) {
  Progress* progress = FindProgress(message.from);
  if (progress == nullptr || progress->state == Progress::State::kSetAside) return;
  progress->unanswered = false;
  progress->absent_as.reset();
  progress->NoteData(reply.damaged, reply.wants_snapshot);
  replicate_wanted_ = true;
  if (!reply.unsure) {
    progress->ForgetConfirmation();
  } else if (!progress->confirmed && progress->confirm_round == 0) {
    StartRound(now);
    progress->confirm_round = read_round_;
    ConfirmToUnsure(now);
  }
  // Who is unsure and cannot become sure by this primary is no support: without a sure majority it
  // has to step down, so that all voters together elect anew (protocols 4).
  if (!reply.unsure || progress->confirmed) progress->heard_at = now;
  const bool has_gap = progress->state == Progress::State::kSnapshot &&
                       !(reply.accepted && reply.match >= log_.base().index);
  if (has_gap) return;  // Only the snapshot helps.
  if (reply.diverged) {
    progress->SetAside();
    return;
  }
  if (reply.accepted && reply.match > log_.last_index()) {
    // It holds what this log does not: one of the two disks forgot.
    progress->SetAside();
    return;
  }
  if (reply.accepted) {
    if (progress->state != Progress::State::kReplicate) {
      progress->state = Progress::State::kReplicate;
      progress->probing = false;
      progress->snapshot_pause = Duration(0);
    }
    progress->match = std::max(progress->match, reply.match);
    progress->next = std::max(progress->next, progress->match + 1);
    progress->Land(progress->match);
    progress->asked_at = now;
    progress->counted = !reply.unsure;
    progress->commit_known = std::max(progress->commit_known, reply.commit);
    AdvanceCommit(now);
    ContinueTransfer(now);
    return;
  }
  if (progress->state == Progress::State::kReplicate) {
    if (reply.refused_index > progress->match) progress->BecomeProbe();
    return;
  }
  if (reply.refused_index + 1 != progress->next) return;  // An answer to an earlier probe.
  progress->probing = false;
  if (progress->match > LogIndex() && reply.refused_index <= progress->match) {
    // It refuses what it had acknowledged to this very primary: its disk forgot (protocols 4).
    progress->SetAside();
    return;
  }
  const LogIndex agreed =
      log_.LastAtOrBelow(std::min(reply.match, reply.refused_index), reply.hint_term);
  progress->next =
      std::max({std::min(agreed + 1, reply.refused_index), progress->match + 1, LogIndex(1)});
}

void Raft::AdvanceCommit(MonotonicTime now) {
  if (role_ != Role::kPrimary || now < commit_from_) return;
  const LogIndex reached = QuorumValue(members(), [&](ReplicaId id) {
    if (id == self_) return durable_;
    const Progress* progress = FindProgress(id);
    return progress != nullptr && progress->counted ? progress->match : LogIndex();
  });
  // Only entries of the own term are committed by counting (Raft paper, section 5.4.2).
  if (reached > commit_ && log_.TermAt(reached) == std::optional<Term>(term())) {
    const bool first = !serving();
    CommitTo(reached);
    if (first) FinishReads(now);
    MaintainMembers(now);
    if (role_ != Role::kPrimary) return;
  }
  everywhere_ = std::max(everywhere_, HeldByAll());
}

LogIndex Raft::HeldByAll() const {
  LogIndex held = std::min(commit_, durable_);
  for (const auto& [id, progress] : progress_) {
    if (progress.state == Progress::State::kSnapshot) continue;
    held = std::min(held, progress.counted ? progress.match : LogIndex());
  }
  // Who catches up after one is among them, by its match.
  return std::min(held, kept_for_snapshots(kForever).value_or(held));
}

void Raft::CommitTo(LogIndex index) {
  RF_CHECK(index <= log_.last_index());
  commit_ = std::max(commit_, index);
}

void Raft::RetryReplication(MonotonicTime now) {
  for (auto& [follower, progress] : progress_) {
    if (!progress.connected || progress.state == Progress::State::kSetAside) continue;
    if (progress.fetching) continue;
    const bool overdue =
        progress.asked_at == kNever || now - progress.asked_at >= options_.retry_after;
    if (progress.wants_snapshot && progress.MayOrderSnapshot(now)) replicate_wanted_ = true;
    // Its entries are cut, and it is not told yet: what it was asked for before was another
    // snapshot.
    const bool lacks_entries =
        progress.state != Progress::State::kSnapshot && progress.next <= log_.base().index;
    if (progress.state == Progress::State::kSnapshot || lacks_entries) {
      const bool may_order = lacks_entries || progress.MayOrderSnapshot(now);
      replicate_wanted_ = replicate_wanted_ || (overdue && may_order);
      continue;
    }
    if (progress.state == Progress::State::kProbe) {
      if (overdue && progress.probing) {
        progress.probing = false;
        progress.unanswered = true;
      }
    } else if (!progress.flights.empty()) {
      if (overdue) {
        progress.BecomeProbe();
        progress.unanswered = true;
      }
    } else if (progress.commit_sent < commit_ || (overdue && progress.commit_known < commit_)) {
      SendAppend(now, follower, progress, {});
    }
    if (progress.next <= log_.last_index() || progress.state == Progress::State::kProbe) {
      replicate_wanted_ = true;
    }
  }
}

void Raft::EvictCache() {
  const LogIndex stored = std::min(applied_, durable_);
  log_.EvictThrough(role_ == Role::kPrimary ? std::min(stored, HeldByAll()) : stored);
  // What is applied late is read from the log then, as is what a repair keeps.
  log_.EvictTo(options_.cache_bytes_max, durable_);
}

// The follower's side.

void Raft::OnAppendRequest(MonotonicTime now, const Message& message,
                           const AppendRequest& request) {
  if (role_ == Role::kPrimary) return;  // Nobody else leads in this term.
  HeardOfPrimary(now, message.from);
  if (diverged() || Contradicts(request)) {
    diverged_in_ = term();
    follows_.reset();
    follow_wanted_ = false;
    follow_persist_id_ = 0;
    Refuse(request, /*diverged=*/true);
    return;
  }
  if (unsure() && !sure_at_ && request.primary_last > LogIndex()) sure_at_ = request.primary_last;
  if (!unsure() && follows_ != std::optional<Term>(term())) follow_wanted_ = true;
  everywhere_ = std::max(everywhere_, std::min(request.everywhere, log_.last_index()));

  const LogIndex sent_last = request.previous_index + request.entries.size();
  if (request.previous_index < log_.base().index) {
    // What lies below the base is committed here: the logs agree at the base, if the request
    // reaches it.
    if (sent_last >= log_.base().index) {
      Message rest = message;
      auto& cut = std::get<AppendRequest>(rest.body);
      const auto skip = static_cast<std::ptrdiff_t>(log_.base().index - request.previous_index);
      cut.entries.erase(cut.entries.begin(), cut.entries.begin() + skip);
      cut.previous_index = log_.base().index;
      cut.previous_term = log_.base().term;
      OnAppendRequest(now, rest, cut);
      return;
    }
    // All of it is long committed; a refusal would look like a log that lost what it had
    // acknowledged. What lies above is not claimed: it was not compared.
    AcceptUpTo(sent_last);
    return;
  }
  if (log_.TermAt(request.previous_index) == std::optional<Term>(request.previous_term)) {
    auto fresh = request.entries.begin();
    while (fresh != request.entries.end() &&
           log_.TermAt(fresh->index) == std::optional<Term>(fresh->term)) {
      ++fresh;
    }
    if (fresh != request.entries.end()) {
      RF_CHECK(fresh->index > commit_) << "a committed entry would be replaced at " << fresh->index;
      ForgetUnstored(fresh->index);
      AppendOwn(std::vector<Entry>(fresh, request.entries.end()));
      replicate_wanted_ = false;
    }
    CommitTo(std::max(commit_, std::min(request.commit, sent_last)));
    AcceptUpTo(sent_last);
    return;
  }
  Refuse(request, /*diverged=*/false);
}

/// Whether the primary has other entries than those that were committed here. Below the base, the
/// terms are not known any more, but terms never decrease along a log: and what is newer than the
/// base counts for a commit only by the primary's own term.
bool Raft::Contradicts(const AppendRequest& request) const {
  const auto differs = [this](LogIndex index, Term term) {
    if (index < log_.base().index) return term > log_.base().term;
    return index <= commit_ && log_.TermAt(index) != std::optional<Term>(term);
  };
  return differs(request.previous_index, request.previous_term) ||
         std::any_of(request.entries.begin(), request.entries.end(),
                     [&](const Entry& entry) { return differs(entry.index, entry.term); });
}

void Raft::Refuse(const AppendRequest& request, bool diverged) {
  AppendReply refusal;
  refusal.refused_index = request.previous_index;
  refusal.match = log_.LastAtOrBelow(request.previous_index, request.previous_term);
  refusal.hint_term = log_.TermAt(refusal.match).value_or(Term());
  refusal.last_index = log_.last_index();
  refusal.commit = commit_;
  refusal.unsure = unsure();
  refusal.diverged = diverged;
  refusal.damaged = damaged_;
  refusal.wants_snapshot = wants_snapshot_;
  SendAfterSync(primary_, refusal);
}

void Raft::ForgetUnstored(LogIndex from) {
  durable_ = std::min(durable_, from - 1);
  for (Storing& storing : storing_) storing.last = std::min(storing.last, from - 1);
  while (!unstored_.empty() && unstored_.back().index >= from) unstored_.pop_back();
}

void Raft::AcceptUpTo(LogIndex match) {
  matched_ = std::max(matched_, match);
  AppendReply reply;
  reply.accepted = true;
  reply.match = match;
  reply.last_index = log_.last_index();
  reply.commit = commit_;
  reply.unsure = unsure();
  reply.damaged = damaged_;
  reply.wants_snapshot = wants_snapshot_;
  SendAfterSync(primary_, reply);
}

void Raft::BecomeSureIfCaughtUp(MonotonicTime now) {
  if (!unsure() || role_ != Role::kFollower || !sure_at_ || now < sure_from_) return;
  if (matched_ < *sure_at_ || durable_ < *sure_at_) return;
  hard_state_.unsure = false;
  // A vote given in this term and forgotten must not be given again, and nobody but the primary can
  // need it any more.
  SetHardState(term(), primary_);
  sure_at_.reset();
  follow_wanted_ = true;
  AcceptUpTo(matched_);
}

}  // namespace ringfort::raft
