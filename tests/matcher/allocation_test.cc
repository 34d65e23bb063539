// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "matcher/row_builder.h"
#include "tests/matcher/testing.h"

namespace {
thread_local size_t allocations = 0;
}

void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace tocsin::matcher {
namespace {

class AllocationTest : public testing::Test {
 protected:
  AllocationTest()
      : m_("[{id: oops, match: ['oops (?<pod>\\S+)'], entity: pod, unless: ['ignored']},"
           " {id: plain, match: ['plain miss'], entity: pod}]") {
    record_.stream = Stream::kKubelet;
    record_.cluster = "a-cluster-with-a-long-name";
    record_.node = "a-node-with-a-long-name-too";
    record_.time = TimeFromNanos(1'000'000'000'000);
    record_.address = {"topic", 0, 0, 0};
  }

  void Handle(std::string_view text) {
    record_.text = text;
    ++record_.address.offset;
    rows_.CountLine(record_);
    m_.tagger->Tag(record_, [&](const Finding& finding) { rows_.Add(finding, kNoTime); });
  }

  size_t AllocationsOf(std::string_view text) {
    Handle(text);  // warm
    size_t before = allocations;
    for (int i = 0; i < 1000; ++i) Handle(text);
    return allocations - before;
  }

  Matcher m_;
  RowBuilder rows_;
  Record record_;
};

TEST_F(AllocationTest, TheCounterCounts) {
  size_t before = allocations;
  delete new int(1);
  EXPECT_EQ(allocations, before + 1);
}

TEST_F(AllocationTest, AnOrdinaryRecordAllocatesNothing) {
  EXPECT_EQ(AllocationsOf("I0520 10:13:20.123456 1 kubelet.go:42] all is well and nothing matches"),
            0u);
}

TEST_F(AllocationTest, ARecordTakenBackByUnlessAllocatesNothing) {
  EXPECT_EQ(AllocationsOf("oops production/web-1 ignored"), 0u);
}

TEST_F(AllocationTest, AKnownNodeAfterAFlushAllocatesNothing) {
  Handle("nothing");
  Batch batch;
  rows_.TakeTallies(batch);
  EXPECT_EQ(AllocationsOf("nothing"), 0u);
}

TEST_F(AllocationTest, AHitOnAKnownRowAllocatesNothing) {
  record_.ns = "production-with-a-long-name";
  record_.pod = "a-pod-with-a-long-name-x2x7k";
  for (int i = 0; i < 10; ++i) Handle("plain miss");
  EXPECT_EQ(AllocationsOf("plain miss"), 0u);
}

TEST_F(AllocationTest, OnlyTheRegexAllocatesForCaptures) {
  std::string_view text = "oops production-with-a-long-name/a-pod-with-a-long-name-x2x7k";
  for (int i = 0; i < 10; ++i) Handle(text);
  std::vector<Capture> captures;
  PatternSet::Span span;
  captures.reserve(1);
  size_t before = allocations;
  for (int i = 0; i < 1000; ++i) {
    captures.clear();
    m_.patterns->Extract(0, text, 0, span, captures);
  }
  size_t regex = allocations - before;
  EXPECT_EQ(AllocationsOf(text), regex);
}

}  // namespace
}  // namespace tocsin::matcher
