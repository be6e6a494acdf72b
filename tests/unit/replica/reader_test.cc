// Gets and scans, against a map.
#include "replica/reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "base/random.h"
#include "ringfort/limits.h"
#include "storage/encoding.h"
#include "tests/unit/replica/commands.h"

namespace ringfort::replica {
namespace {

using storage::ReadDepth;
using Key = std::pair<std::string, std::string>;

/// A page of a scan as a reader sees it.
struct Page {
  std::vector<std::pair<Key, std::string>> entries;
  bool more = false;
};

class Reader : public testing::Test {
 protected:
  void Store(const Key& key, const std::string& value) {
    const storage::Mutation put{storage::Mutation::Kind::kPut,
                                storage::EncodeDataKey(key.first, key.second),
                                storage::EncodeValue(shard_.next(), value)};
    ASSERT_TRUE(shard_.data().Apply({put}, {shard_.next(), Term(1)}, true).ok());
    twin_[key] = value;
  }
  Page Scan(const proto::Scan& scan) {
    proto::Request request;
    *request.mutable_scan() = scan;
    proto::Response response;
    EXPECT_TRUE(AnswerRead(shard_.data(), request, ReadDepth::kDisk, &response).ok());
    EXPECT_TRUE(response.has_scan_page());
    Page page;
    page.more = response.scan_page().more();
    for (const proto::Entry& entry : response.scan_page().entries()) {
      EXPECT_TRUE(entry.found());
      EXPECT_NE(entry.version(), 0U);
      page.entries.push_back({{entry.key().shard_key(), entry.key().sort_key()}, entry.value()});
    }
    return page;
  }
  /// All pages, one after the other.
  std::vector<std::pair<Key, std::string>> ScanAll(proto::Scan scan) {
    std::vector<std::pair<Key, std::string>> all;
    for (;;) {
      const Page page = Scan(scan);
      EXPECT_TRUE(scan.entries_max() == 0 || page.entries.size() <= scan.entries_max());
      all.insert(all.end(), page.entries.begin(), page.entries.end());
      if (!page.more || page.entries.empty()) {
        EXPECT_FALSE(page.more);  // A page that promises more has something.
        return all;
      }
      scan.mutable_resume_after()->set_shard_key(page.entries.back().first.first);
      scan.mutable_resume_after()->set_sort_key(page.entries.back().first.second);
    }
  }
  std::vector<std::pair<Key, std::string>> Expected(const proto::Scan& scan) {
    std::vector<std::pair<Key, std::string>> found;
    for (const auto& [key, value] : twin_) {
      const bool in =
          scan.whole_shard() || (key.first == scan.shard_key() && key.second >= scan.begin() &&
                                 (!scan.has_end() || key.second < scan.end()));
      if (in) found.emplace_back(key, value);
    }
    if (scan.reverse()) std::reverse(found.begin(), found.end());
    return found;
  }

  LoneMachine shard_;
  std::map<Key, std::string> twin_;
};

TEST_F(Reader, AnswersKeysInTheirOrderAndAbsentOnesToo) {
  Store({"s", "b"}, "2");
  Store({"s", "a"}, "1");
  Store({"t", "a"}, "");
  proto::Request request;
  for (const Key& key :
       {Key("s", "b"), Key("s", "none"), Key("t", "a"), Key("s", "a"), Key("s", "b")}) {
    proto::Key* wanted = request.mutable_get()->add_keys();
    wanted->set_shard_key(key.first);
    wanted->set_sort_key(key.second);
  }
  proto::Response response;
  response.mutable_error()->set_code(1);  // What was there before is gone.
  ASSERT_TRUE(AnswerRead(shard_.data(), request, ReadDepth::kDisk, &response).ok());
  EXPECT_FALSE(response.has_error());
  ASSERT_EQ(response.got().entries_size(), 5);
  std::string seen;
  for (const proto::Entry& entry : response.got().entries()) {
    seen += (entry.found() ? entry.value() + "@" + std::to_string(entry.version()) : "-") + " ";
  }
  EXPECT_EQ(seen, "2@1 - @3 1@2 2@1 ");
}

// The run: one Get that names a large cached value 256 times gathers 2 GiB, on a loop.
TEST_F(Reader, NoMoreIsGatheredThanAFrameHolds) {
  Store({"s", "large"}, std::string(limits::kValueMax, 'v'));
  proto::Request request;
  proto::Response response;
  const auto name_once_more = [&request] {
    proto::Key* key = request.mutable_get()->add_keys();
    key->set_shard_key("s");
    key->set_sort_key("large");
  };
  name_once_more();
  EXPECT_TRUE(AnswerRead(shard_.data(), request, ReadDepth::kDisk, &response).ok());
  for (int i = 1; i < 256; ++i) name_once_more();
  const Status status = AnswerRead(shard_.data(), request, ReadDepth::kDisk, &response);
  EXPECT_EQ(status.code(), Code::kTooLarge);
  EXPECT_EQ(status.effect(), Effect::kNotApplied);
  EXPECT_LE(response.ByteSizeLong(), limits::kFrameMax);
}

TEST_F(Reader, ScansNeitherSessionsNorMarks) {
  shard_.Do(OpenSession(7));
  proto::Scan scan;
  scan.set_whole_shard(true);
  EXPECT_TRUE(Scan(scan).entries.empty());
  scan.set_reverse(true);
  EXPECT_TRUE(Scan(scan).entries.empty());
}

TEST_F(Reader, AnEmptyRangeIsAnEmptyPage) {
  Store({"s", "b"}, "1");
  proto::Scan scan;
  scan.set_shard_key("s");
  scan.set_begin("c");
  scan.set_end("b");
  EXPECT_TRUE(Scan(scan).entries.empty());
  scan.set_reverse(true);
  EXPECT_TRUE(Scan(scan).entries.empty());
  EXPECT_FALSE(Scan(scan).more);
}

TEST_F(Reader, APageEndsAtItsBytes) {
  const std::string large(limits::kScanPageMax / 3, 'v');
  for (const char* key : {"a", "b", "c", "d"}) Store({"s", key}, large);
  Store({"s", "e"}, std::string(limits::kScanPageMax + 1, 'v'));
  proto::Scan scan;
  scan.set_shard_key("s");
  const Page page = Scan(scan);
  EXPECT_EQ(page.entries.size(), 2U);
  EXPECT_TRUE(page.more);
  EXPECT_EQ(ScanAll(scan), Expected(scan));  // The one over the limit has a page of its own.
}

TEST_F(Reader, ScansAsAMapDoes) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    // Bytes that are special to the encoding, and prefixes of each other.
    auto text = [&](std::uint64_t least) {
      static const std::string kBytes("\x00\x01\xff\x02z", 5);
      std::string made;
      const std::uint64_t size = least + random.Below(3);
      while (made.size() < size) made += kBytes[random.Below(kBytes.size())];
      return made;
    };
    for (int i = 0; i < 40; ++i) {
      ASSERT_NO_FATAL_FAILURE(Store({text(1), text(0)}, "v" + std::to_string(random.Below(100))));
    }
    for (int i = 0; i < 60; ++i) {
      auto any = twin_.begin();
      std::advance(any, random.Below(twin_.size()));
      proto::Scan scan;
      scan.set_shard_key(random.OneIn(4) ? text(1) : any->first.first);
      scan.set_begin(random.OneIn(2) ? "" : text(0));
      if (random.OneIn(2)) scan.set_end(text(0));
      scan.set_reverse(random.OneIn(2));
      scan.set_entries_max(static_cast<std::uint32_t>(random.Below(5)));
      scan.set_whole_shard(random.OneIn(4));
      ASSERT_EQ(ScanAll(scan), Expected(scan)) << scan.ByteSizeLong();
    }
  }
}

TEST(ReaderInMemory, SaysWhenItNeedsTheDisk) {
  LoneMachine shard({.miss_one_in = 1});
  proto::Request get;
  get.mutable_get()->add_keys()->set_shard_key("s");
  proto::Request scan;
  scan.mutable_scan()->set_whole_shard(true);
  proto::Response response;
  for (const proto::Request* request : {&get, &scan}) {
    EXPECT_EQ(AnswerRead(shard.data(), *request, ReadDepth::kMemory, &response).code(),
              Code::kUnavailable);
    EXPECT_TRUE(AnswerRead(shard.data(), *request, ReadDepth::kDisk, &response).ok());
  }
}

TEST(ReaderOfGarbage, ReportsDamageAndForeignRequests) {
  LoneMachine shard;
  const storage::Mutation damage{storage::Mutation::Kind::kPut, storage::EncodeDataKey("s", "a"),
                                 "x"};
  ASSERT_TRUE(shard.data().Apply({damage}, {LogIndex(1), Term(1)}, true).ok());
  proto::Request request;
  proto::Response response;
  EXPECT_EQ(AnswerRead(shard.data(), request, ReadDepth::kDisk, &response).code(), Code::kInternal);
  request.mutable_scan()->set_whole_shard(true);
  EXPECT_EQ(AnswerRead(shard.data(), request, ReadDepth::kDisk, &response).code(),
            Code::kCorruption);
  proto::Key* key = request.mutable_get()->add_keys();
  key->set_shard_key("s");
  key->set_sort_key("a");
  EXPECT_EQ(AnswerRead(shard.data(), request, ReadDepth::kDisk, &response).code(),
            Code::kCorruption);
}

}  // namespace
}  // namespace ringfort::replica
