// Layout: magic "RFORTBLB", size u64, XXH3 of the bytes u64, the bytes.
#include "wal/identity_file.h"

#include <filesystem>

#include "base/bytes.h"
#include "base/hash.h"
#include "features/features.h"
#include "wal/file.h"

namespace ringfort::wal {
namespace {

constexpr std::string_view kMagic = "RFORTBLB";
/// A later format has its number at the end.
constexpr std::string_view kMagicStart = "RFORTBL";
constexpr std::size_t kHeaderBytes = 24;

Status Damaged(const std::string& path, const std::string& how) {
  return {Code::kCorruption,
          path + " is damaged: " + how +
              " (set the data directory aside and let the node be replaced from its peers)"};
}

}  // namespace

Status SaveBlob(const std::string& path, std::string_view bytes) {
  if (bytes.size() > kBlobBytesMax) {
    return {Code::kTooLarge, path + " would hold " + std::to_string(bytes.size()) +
                                 " bytes, more than " + std::to_string(kBlobBytesMax)};
  }
  const std::filesystem::path target = std::filesystem::absolute(path);
  std::string contents(kMagic);
  AppendLittle(&contents, static_cast<std::uint64_t>(bytes.size()));
  AppendLittle(&contents, Hash64(bytes));
  contents.append(bytes);

  Result<std::shared_ptr<Directory>> directory = Directory::Open(target.parent_path().string());
  if (!directory.ok()) return directory.status();
  const std::string name = target.filename().string();
  const std::string temporary = name + ".new";
  Result<File> file = File::Create((*directory)->PathOf(temporary));
  if (!file.ok()) return file.status();
  if (Status status = file->WriteAt(0, contents); !status.ok()) return status;
  if (Status status = file->Sync(); !status.ok()) return status;
  if (Status status = (*directory)->Rename(temporary, name); !status.ok()) return status;
  return (*directory)->Sync();
}

Result<std::optional<std::string>> LoadBlob(const std::string& path) {
  Result<File> file = File::Open(path, /*writable=*/false);
  if (!file.ok() && file.status().code() == Code::kNotFound) return std::optional<std::string>();
  if (!file.ok()) return file.status();
  const Result<std::uint64_t> size = file->size_bytes();
  if (!size.ok()) return size.status();
  if (*size < kHeaderBytes || *size > kHeaderBytes + kBlobBytesMax) {
    return Damaged(path, "it has " + std::to_string(*size) + " bytes");
  }
  std::string contents(*size, '\0');
  if (Status status = file->ReadAt(0, contents.data(), contents.size()); !status.ok())
    return status;
  const char format = contents[kMagicStart.size()];
  if (contents.starts_with(kMagicStart) && format >= '2' && format <= '9') {
    return features::UnknownFormat(path);
  }
  if (!contents.starts_with(kMagic)) return Damaged(path, "it does not begin as it should");
  if (LoadLittle<std::uint64_t>(contents.data() + 8) != contents.size() - kHeaderBytes) {
    return Damaged(path, "it is not as long as it says");
  }
  const auto checksum = LoadLittle<std::uint64_t>(contents.data() + 16);
  contents.erase(0, kHeaderBytes);
  if (checksum != Hash64(contents)) return Damaged(path, "its checksum is wrong");
  return std::optional<std::string>(std::move(contents));
}

}  // namespace ringfort::wal
