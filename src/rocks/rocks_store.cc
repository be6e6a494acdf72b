// The shards' data on disk: one RocksDB for a node, one column family for a replica.
#include "rocks/rocks_store.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <rocksdb/env.h>

#include <unistd.h>

#include "base/check.h"
#include "features/features.h"
#include "rocks/flush_listener.h"
#include "rocks/rocks_import.h"
#include "rocks/rocks_snapshot.h"
#include "rocks/rocks_status.h"
#include "storage/disk_room.h"

namespace ringfort::rocks {
namespace {

/// In the default column family, which holds nothing else.
constexpr std::string_view kIncarnationKey = "incarnation";
/// Of what lies in the column families (storage/encoding.h). Absent: release 0.1.0, which is 1.
constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kFormat = "1";

// "shard-12-gen-3".

std::string FamilyName(storage::ShardStore::Name name) {
  return "shard-" + std::to_string(name.shard.value()) + "-gen-" +
         std::to_string(name.generation.value());
}

template <typename Number>
bool TakeNumber(std::string_view prefix, std::string_view* text, Number* number) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<std::size_t>(end - text->data()));
  return true;
}

std::optional<storage::ShardStore::Name> ParseFamilyName(std::string_view text) {
  ShardId::rep shard = 0;
  storage::Generation::rep generation = 0;
  if (!TakeNumber("shard-", &text, &shard) || !TakeNumber("-gen-", &text, &generation) ||
      !text.empty()) {
    return std::nullopt;
  }
  return storage::ShardStore::Name{ShardId(shard), storage::Generation(generation)};
}

/// Says it in our words when the directory is another's: RocksDB's own error does not.
Status CheckUnlocked(const std::string& dir) {
  rocksdb::FileLock* lock = nullptr;
  const std::string path = dir + "/LOCK";
  const rocksdb::Status locked = rocksdb::Env::Default()->LockFile(path, &lock);
  if (locked.ok()) {
    rocksdb::Env::Default()->UnlockFile(lock).PermitUncheckedError();  // Opening locks it again.
    return {};
  }
  if (::access(dir.c_str(), W_OK | X_OK) != 0) {
    return {Code::kIoError, "cannot write in " + dir + ": " + locked.ToString() +
                                " (let this user write there, or choose another directory)"};
  }
  return {Code::kIoError,
          dir + " is in use by another process (stop it, or choose another data directory)"};
}

Status MakeDirectory(const std::string& dir) {
  std::error_code error;
  std::filesystem::create_directories(dir, error);
  if (!error) return {};
  return {Code::kIoError, "cannot make the directory " + dir + ": " + error.message() +
                              " (make it yourself, or choose another one)"};
}

// A file that is not there was there when the files that name it were written.
Status OpenStatus(const rocksdb::Status& error, std::string_view doing) {
  return ReadStatus(error.IsPathNotFound() ? rocksdb::Status::Corruption(error.ToString()) : error,
                    doing);
}

}  // namespace

RocksStore::RocksStore(Options options)
    : options_(std::move(options)),
      errors_(std::make_shared<BackgroundErrors>()),
      marks_(std::make_shared<DamageMarks>(options_.dir)),
      budgets_(options_),
      temporary_(options_.dir + "/snapshots") {}

Result<std::unique_ptr<RocksStore>> RocksStore::Open(Options options) {
  RF_CHECK(!options.incarnation.empty());
  std::error_code ignored;  // What cannot be looked at, cannot be locked either: said there.
  const bool exists = std::filesystem::exists(options.dir + "/CURRENT", ignored);
  if (!exists && options.expect_existing) {
    return Status(Code::kCorruption, "the shard data in " + options.dir +
                                         " are gone, though this node has stored there before");
  }
  if (Status made = MakeDirectory(options.dir); !made.ok()) return made;
  if (Status unlocked = CheckUnlocked(options.dir); !unlocked.ok()) return unlocked;

  std::unique_ptr<RocksStore> store(new RocksStore(std::move(options)));
  if (Status opened = store->OpenFiles(exists); !opened.ok()) return opened;
  // Only now: the directory is ours since RocksDB has its lock.
  if (Status cleaned = store->temporary_.Clean(); !cleaned.ok()) return cleaned;
  if (Status checked = store->CheckFormat(); !checked.ok()) return checked;
  if (Status checked = store->CheckIncarnation(); !checked.ok()) return checked;
  return store;
}

Result<std::vector<storage::ShardStore::Name>> RocksStore::ListIn(const std::string& dir) {
  std::vector<std::string> families;
  const rocksdb::Status listed =
      rocksdb::DB::ListColumnFamilies(rocksdb::DBOptions(), dir, &families);
  if (!listed.ok()) return OpenStatus(listed, "list the shards in " + dir);
  std::vector<Name> names;
  for (const std::string& family : families) {
    if (const std::optional<Name> name = ParseFamilyName(family)) names.push_back(*name);
  }
  return names;
}

Status RocksStore::OpenFiles(bool exists) {
  rocksdb::DBOptions db_options = budgets_.db;
  db_options.create_if_missing = !exists;
  db_options.listeners.push_back(marks_);  // Before anybody acts on the error.
  db_options.listeners.push_back(errors_);
  if (options_.before_flush) {
    db_options.listeners.push_back(std::make_shared<FlushListener>(options_.before_flush));
  }

  std::vector<std::string> names = {rocksdb::kDefaultColumnFamilyName};
  if (exists) {
    const rocksdb::Status listed =
        rocksdb::DB::ListColumnFamilies(db_options, options_.dir, &names);
    if (!listed.ok()) return OpenStatus(listed, "list the shards in " + options_.dir);
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(names.size());
  for (const std::string& name : names) {
    if (name != rocksdb::kDefaultColumnFamilyName && !ParseFamilyName(name).has_value()) {
      return {Code::kCorruption, options_.dir + " holds a column family " + name +
                                     ", which Ringfort did not make (choose another directory)"};
    }
    descriptors.emplace_back(name, budgets_.column_family);
    if (!marks_->Of(name).ok()) descriptors.back().options.disable_auto_compactions = true;
  }

  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(db_options, options_.dir, descriptors, &handles, &db);
  if (!opened.ok()) return OpenStatus(opened, "open the shard data in " + options_.dir);
  db_.reset(db);
  for (std::size_t i = 0; i < handles.size(); ++i) {
    if (const std::optional<Name> name = ParseFamilyName(names[i])) {
      families_[*name] = {.handle = handles[i], .open = {}, .damage = marks_->Of(names[i])};
    } else {
      default_family_ = handles[i];
    }
  }
  return {};
}

Status RocksStore::CheckFormat() {
  std::string found;
  const rocksdb::Status read =
      db_->Get(rocksdb::ReadOptions(), default_family_, kFormatKey, &found);
  if (read.IsNotFound() || (read.ok() && found == kFormat)) return {};
  if (read.ok()) return features::UnknownFormat("the shard data in " + options_.dir);
  return ReadStatus(read, "read the format of " + options_.dir);
}

Status RocksStore::CheckIncarnation() {
  std::string found;
  const std::string wanted = options_.incarnation.ToString();
  const rocksdb::Status read =
      db_->Get(rocksdb::ReadOptions(), default_family_, kIncarnationKey, &found);
  if (read.ok()) {
    if (found == wanted) return {};
    return {Code::kWrongCluster, "the shard data in " + options_.dir + " belong to incarnation " +
                                     found + ", not to " + wanted +
                                     " (give each node the data directory that is its own)"};
  }
  if (!read.IsNotFound()) return ReadStatus(read, "read the incarnation in " + options_.dir);
  // Only a creation that was cut short leaves no mark, and it leaves no shard either.
  if (options_.expect_existing || !families_.empty()) {
    return {Code::kCorruption, "the shard data in " + options_.dir + " do not say whose they are"};
  }
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  rocksdb::Status written = db_->Put(write, default_family_, kFormatKey, kFormat);
  if (written.ok()) written = db_->Put(write, default_family_, kIncarnationKey, wanted);
  if (written.ok()) written = db_->Flush(rocksdb::FlushOptions(), default_family_);
  if (!written.ok()) return FinalStatus(written, "write the incarnation in " + options_.dir);
  return {};
}

RocksStore::~RocksStore() {
  if (db_ == nullptr) return;
  for (const auto& [name, family] : families_) {
    RF_CHECK(family.open.expired()) << FamilyName(name) << " is still open";
  }
  FlushBeforeClose();
  for (const auto& [name, family] : families_) {
    db_->DestroyColumnFamilyHandle(family.handle).PermitUncheckedError();  // Frees memory only.
  }
  db_->DestroyColumnFamilyHandle(default_family_).PermitUncheckedError();
  db_->Close().PermitUncheckedError();  // What was to last was flushed and synced before.
}

void RocksStore::FlushBeforeClose() {
  const auto deadline = std::chrono::steady_clock::now() + options_.flush_on_close_for;
  rocksdb::FlushOptions flush;
  flush.allow_write_stall = true;  // Nobody writes any more.
  for (const auto& [name, family] : families_) {
    if (!health().ok() || std::chrono::steady_clock::now() >= deadline) return;
    // What is not flushed is replayed from the log.
    db_->Flush(flush, family.handle).PermitUncheckedError();
  }
}

std::vector<storage::ShardStore::Name> RocksStore::List() const {
  const std::lock_guard lock(mutex_);
  std::vector<Name> names;
  names.reserve(families_.size());
  for (const auto& [name, family] : families_) names.push_back(name);
  return names;
}

Status RocksStore::Create(const std::vector<Name>& names) {
  const std::lock_guard lock(mutex_);
  std::vector<Name> missing;
  std::vector<std::string> family_names;
  for (const Name& name : names) {
    // An entry at once, so that a name given twice is made once.
    if (!families_.try_emplace(name).second) continue;
    missing.push_back(name);
    family_names.push_back(FamilyName(name));
  }
  if (missing.empty()) return {};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const rocksdb::Status created =
      db_->CreateColumnFamilies(budgets_.column_family, family_names, &handles);
  for (std::size_t i = 0; i < missing.size(); ++i) {
    if (i < handles.size()) {
      families_[missing[i]].handle = handles[i];
    } else {
      families_.erase(missing[i]);
    }
  }
  if (created.ok()) return {};
  const Status error = FinalStatus(created, "create " + family_names.front());
  errors_->Record(error);
  return error;
}

Result<std::shared_ptr<storage::ShardData>> RocksStore::Open(Name name) {
  Result<std::shared_ptr<RocksShard>> shard = OpenShard(name);
  if (!shard.ok()) return shard.status();
  return std::shared_ptr<storage::ShardData>(*std::move(shard));
}

Result<std::shared_ptr<RocksShard>> RocksStore::OpenShard(Name name) {
  const std::lock_guard lock(mutex_);
  const auto found = families_.find(name);
  if (found == families_.end()) {
    return Status(Code::kNotFound,
                  "there is no " + FamilyName(name) + " in " + options_.dir + " (create it first)");
  }
  Family& family = found->second;
  if (std::shared_ptr<RocksShard> open = family.open.lock()) return open;
  Result<std::shared_ptr<RocksShard>> shard =
      RocksShard::Open({.db = db_.get(),
                        .family = family.handle,
                        .write_buffers = budgets_.write_buffers.get(),
                        .errors = errors_.get(),
                        .damage = family.damage});
  if (shard.ok()) family.open = *shard;
  return shard;
}

Status RocksStore::Drop(Name name) {
  const std::lock_guard lock(mutex_);
  const auto found = families_.find(name);
  if (found == families_.end()) {
    return {Code::kNotFound,
            "there is no " + FamilyName(name) + " in " + options_.dir + " (nothing to drop)"};
  }
  RF_CHECK(found->second.open.expired()) << FamilyName(name) << " is still open";
  const rocksdb::Status dropped = db_->DropColumnFamily(found->second.handle);
  if (!dropped.ok()) {
    const Status error = FinalStatus(dropped, "drop " + FamilyName(name));
    errors_->Record(error);
    return error;
  }
  db_->DestroyColumnFamilyHandle(found->second.handle).PermitUncheckedError();
  families_.erase(found);
  marks_->Remove(FamilyName(name));
  return {};
}

Status RocksStore::MarkDamaged(Name name, const Status& damage) {
  const std::lock_guard lock(mutex_);
  const auto found = families_.find(name);
  if (found == families_.end()) {
    return {Code::kNotFound,
            "there is no " + FamilyName(name) + " in " + options_.dir + " (nothing to mark)"};
  }
  // The files are to stay as they are: a compaction would meet the damage, and stop the node.
  const rocksdb::Status kept =
      db_->SetOptions(found->second.handle, {{"disable_auto_compactions", "true"}});
  if (marks_->Add(FamilyName(name), damage.message()) && kept.ok()) return {};
  return {Code::kIoError, "cannot mark " + FamilyName(name) + " as damaged in " + options_.dir +
                              " (check the disk)"};
}

Result<std::shared_ptr<storage::Snapshot>> RocksStore::Export(Name name) {
  if (Status ours = health(); !ours.ok()) return ours;
  const Result<std::shared_ptr<RocksShard>> shard = OpenShard(name);
  if (!shard.ok()) return shard.status();
  const auto make = [&] {
    return RocksSnapshot::Make(db_.get(), (*shard)->family(), temporary_.Next(),
                               budgets_.db.rate_limiter.get());
  };
  auto made = make();
  // Damage is believed of a read that fails twice.
  return made.status().code() == Code::kCorruption ? make() : std::move(made);
}

Result<std::unique_ptr<storage::Import>> RocksStore::BeginImport(
    Name name, storage::Applied applied, std::vector<storage::SnapshotFile> files) {
  if (Status ours = health(); !ours.ok()) return ours;
  if (Status free = CheckNotThere(name); !free.ok()) return free;
  const bool lacks_bytes =
      std::any_of(files.begin(), files.end(), [](const auto& file) { return file.bytes == 0; });
  if (files.empty() || lacks_bytes) {
    return Status(Code::kInvalidArgument, "a snapshot without files, or with one that is empty");
  }
  std::uint64_t bytes = 0;  // At most what the type holds: the sizes are what a peer says.
  for (const storage::SnapshotFile& file : files) bytes += std::min(file.bytes, ~bytes);
  if (!import_room_.Take(bytes, BytesForImports())) {
    return Status(Code::kDiskFull, "the disk of " + options_.dir + " has no room for " +
                                       std::to_string(bytes >> 20) +
                                       " MiB of a snapshot beside its reserve (make room)");
  }
  RocksImport::Plan plan{.applied = applied,
                         .files = std::move(files),
                         .file_options = rocksdb::EnvOptions(budgets_.db),
                         .budget = budgets_.db.rate_limiter.get(),
                         .room = &import_room_,
                         .bytes = bytes,
                         .adopt = [this, name](const auto& tables) { return Adopt(name, tables); }};
  return RocksImport::Begin(std::move(plan), temporary_.Next());
}

std::uint64_t RocksStore::BytesForImports() const {
  std::error_code unknown;  // Then all is free: the writes will show what is wrong with the disk.
  const std::filesystem::space_info found = std::filesystem::space(options_.dir, unknown);
  const storage::DiskSpace space{found.capacity, found.available};
  return space.free_bytes -
         std::min(space.free_bytes, storage::ReserveOf(space, options_.disk_reserve_bytes));
}

Status RocksStore::CheckNotThere(Name name) const {
  const std::lock_guard lock(mutex_);
  if (!families_.contains(name)) return {};
  return {Code::kInvalidArgument, FamilyName(name) + " is there already in " + options_.dir +
                                      " (import into a new generation)"};
}

Status RocksStore::Adopt(Name name, const rocksdb::ExportImportFilesMetaData& tables) {
  if (Status ours = health(); !ours.ok()) return ours;
  if (Status free = CheckNotThere(name); !free.ok()) return free;
  // Without the lock: it takes a sync for each table. Two who make one name get one map: RocksDB
  // refuses the second.
  rocksdb::ImportColumnFamilyOptions import;
  import.move_files = true;  // By links: the tables are synced already.
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  const rocksdb::Status made =
      tables.files.empty()  // RocksDB imports no less than one table.
          ? db_->CreateColumnFamily(budgets_.column_family, FamilyName(name), &handle)
          : db_->CreateColumnFamilyWithImport(budgets_.column_family, FamilyName(name), import,
                                              tables, &handle);
  if (made.ok()) {
    const std::lock_guard lock(mutex_);
    families_[name].handle = handle;
    return {};
  }
  if (!made.IsIOError()) return ReadStatus(made, "import " + FamilyName(name));
  const Status error = FinalStatus(made, "import " + FamilyName(name));
  errors_->Record(error);
  return error;
}

}  // namespace ringfort::rocks

#if defined(__SANITIZE_THREAD__)
/// Debian's RocksDB is built without ThreadSanitizer, which therefore sees its memcpy and new, but
/// not the atomics that order them. Looked up by the sanitizer's runtime, by this name.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_suppressions() {
  return "race:librocksdb.so\n";
}
#endif
