// Completion tokens: callback, future and coroutine from one function.
#include "ringfort/asio.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/sdk/one_node.h"

namespace ringfort {
namespace {

class AsioTest : public testing::Test {
 protected:
  void SetUp() override {
    Result<Client> client = Client::Connect({.seeds = {node_.address()}});
    ASSERT_TRUE(client.ok()) << client.status().ToString();
    client_.emplace(*std::move(client));
  }

  OneNode node_;
  std::optional<Client> client_;
};

TEST_F(AsioTest, Future) {
  std::future<Result<Version>> put = AsyncPut(*client_, "k", "v", {}, boost::asio::use_future);
  EXPECT_TRUE(put.get().ok());
  std::future<Result<Version>> refused = AsyncPut(*client_, "", "v", {}, boost::asio::use_future);
  EXPECT_EQ(refused.get().status().code(), Code::kInvalidArgument);
}

TEST_F(AsioTest, CallbackThatCanOnlyBeMovedOnItsExecutor) {
  boost::asio::io_context context;
  std::thread::id ran_on;
  auto only_moved = std::make_unique<int>(1);
  AsyncGet(*client_, "k", {},
           boost::asio::bind_executor(
               context, [&, kept = std::move(only_moved)](const Result<Found>& found) {
                 EXPECT_EQ(*kept, 1);
                 EXPECT_EQ(found.status().code(), Code::kNotFound);
                 ran_on = std::this_thread::get_id();
               }));
  context.run();  // Until nothing waits any more: the call keeps it running.
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(AsioTest, NeverCompletesInsideTheCall) {
  boost::asio::io_context context;
  bool started = false;
  bool completed = false;
  boost::asio::post(context, [&] {
    AsyncGet(*client_, "", {}, boost::asio::bind_executor(context, [&](const Result<Found>& found) {
      EXPECT_TRUE(started);
      EXPECT_EQ(found.status().code(), Code::kInvalidArgument);
      completed = true;
    }));
    started = true;
  });
  context.run();
  EXPECT_TRUE(completed);
}

// A caller that holds a lock which its callback takes too would wait for itself.
TEST_F(AsioTest, NeverCompletesInsideTheCallWithoutAnExecutorEither) {
  std::mutex mutex;
  std::promise<Code> promise;
  std::future<Code> completed = promise.get_future();
  {
    const std::lock_guard held(mutex);
    AsyncGet(*client_, "", {},
             [&mutex, promise = std::move(promise)](const Result<Found>& found) mutable {
               { const std::lock_guard lock(mutex); }
               promise.set_value(found.status().code());
             });
  }
  EXPECT_EQ(completed.get(), Code::kInvalidArgument);
}

TEST_F(AsioTest, WithoutAnExecutorAnswersComeOnTheClientsThread) {
  std::promise<bool> promise;
  std::future<bool> same = promise.get_future();
  AsyncGet(*client_, "k", {},
           [this, promise = std::move(promise)](const Result<Found>& /*found*/) mutable {
             const std::thread::id clients = std::this_thread::get_id();
             // Also for a call made on that thread.
             AsyncGet(*client_, "k", {},
                      [clients, promise = std::move(promise)](const Result<Found>& /*f*/) mutable {
                        promise.set_value(std::this_thread::get_id() == clients);
                      });
           });
  EXPECT_TRUE(same.get());
}

boost::asio::awaitable<void> UseEverything(Client& client) {
  using boost::asio::use_awaitable;
  const Result<Version> put = co_await AsyncPut(client, {"k", "s"}, "v", {}, use_awaitable);
  EXPECT_TRUE(put.ok());
  const Result<Found> found = co_await AsyncGet(client, {"k", "s"}, {}, use_awaitable);
  EXPECT_TRUE(found.ok() && found.value().value == "v");
  const std::vector<Key> keys(1, Key("k", "s"));  // Named, as ringfort/asio.h advises.
  const auto many = co_await AsyncMultiGet(client, keys, {}, use_awaitable);
  EXPECT_TRUE(many.size() == 1 && many[0].ok());
  const ScanRange range;
  const Result<ScanPage> page = co_await AsyncScan(client, "k", range, {}, use_awaitable);
  EXPECT_TRUE(page.ok() && page.value().entries.size() == 1);
  const Result<ScanAllPage> all = co_await AsyncScanAll(client, "", {}, use_awaitable);
  EXPECT_TRUE(all.ok());
  const Result<Version> erased = co_await AsyncDelete(client, {"k", "s"}, {}, use_awaitable);
  EXPECT_TRUE(erased.ok());
  const Result<Found> refused = co_await AsyncGet(client, "", {}, use_awaitable);
  EXPECT_EQ(refused.status().code(), Code::kInvalidArgument);
}

TEST_F(AsioTest, Coroutine) {
  boost::asio::io_context context;
  bool completed = false;
  boost::asio::co_spawn(context, UseEverything(*client_), [&](const std::exception_ptr& error) {
    EXPECT_EQ(error, nullptr);
    completed = true;
  });
  context.run();
  EXPECT_TRUE(completed);
}

}  // namespace
}  // namespace ringfort
