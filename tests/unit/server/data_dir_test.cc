// Whose a data directory is, and that the directory of a node that was removed is nobody's.
#include "server/data_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/check.h"

namespace ringfort::server {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class DataDirTest : public testing::Test {
 protected:
  DataDirTest() {
    std::string name = (fs::temp_directory_path() / "ringfort-data-dir-XXXXXX").string();
    RF_CHECK(::mkdtemp(name.data()) != nullptr);
    scratch_ = name;
  }
  ~DataDirTest() override { fs::remove_all(scratch_); }

  Result<std::unique_ptr<DataDir>> Open() {
    return DataDir::Open((scratch_ / "node").string(), NodeId(4), "");
  }
  /// As the node stores a map that it has taken over.
  void StoreMapWhereGone(std::uint32_t gone) {
    auto dir = Open();
    ASSERT_TRUE(dir.ok()) << dir.status().ToString();
    proto::Identity identity = (*dir)->identity();
    identity.set_cluster_name("test");
    identity.mutable_map()->clear_nodes();
    for (const std::uint32_t id : {3U, 4U}) {
      proto::MapNode* node = identity.mutable_map()->add_nodes();
      node->set_id(id);
      node->set_state(id == gone ? proto::GONE : proto::ACTIVE);
    }
    ASSERT_TRUE((*dir)->Save(identity.SerializeAsString()).ok());
  }

  fs::path scratch_;
};

// The run: it starts, nobody hears it, and the operator waits.
TEST_F(DataDirTest, OfANodeThatWasRemovedIsRefused) {
  StoreMapWhereGone(3);
  EXPECT_TRUE(Open().ok()) << "another was removed";
  StoreMapWhereGone(4);
  const auto dir = Open();
  ASSERT_FALSE(dir.ok());
  EXPECT_EQ(dir.status().code(), Code::kConditionFailed);
  EXPECT_THAT(dir.status().message(), HasSubstr("node 4 was removed from cluster \"test\""));
  EXPECT_THAT(dir.status().message(), HasSubstr("--join"));
  fs::remove_all(scratch_ / "node");
  EXPECT_TRUE(Open().ok()) << "an empty one is as good as any";
}

}  // namespace
}  // namespace ringfort::server
