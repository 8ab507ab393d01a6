#include "service/cmd/valetkey/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace valetkey::cli {
namespace {

TEST(Printable, KeepsTextAndShowsControlCharacters) {
  EXPECT_EQ(Printable("Ann Müller ✓"), "Ann Müller ✓");
  EXPECT_EQ(Printable("a\x1b[2Jb\n\x7f"), "a\\x1b[2Jb\\x0a\\x7f");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m");
  EXPECT_EQ(Printable("\xc2"), "\xc2");
}

TEST(RelativeTime, UsesOneUnit) {
  EXPECT_EQ(RelativeTime(absl::Seconds(42)), "in 42 s");
  EXPECT_EQ(RelativeTime(absl::Seconds(-42.9)), "42 s ago");
  EXPECT_EQ(RelativeTime(absl::Milliseconds(999)), "now");
  EXPECT_EQ(RelativeTime(absl::Milliseconds(-999)), "now");
  EXPECT_EQ(RelativeTime(absl::Seconds(119)), "in 119 s");
  EXPECT_EQ(RelativeTime(absl::Minutes(2)), "in 2 min");
  EXPECT_EQ(RelativeTime(absl::Minutes(119)), "in 119 min");
  EXPECT_EQ(RelativeTime(absl::Hours(-47)), "47 h ago");
  EXPECT_EQ(RelativeTime(absl::Hours(24 * 30 - 1)), "in 29 d");
}

TEST(TimeText, TellsTheTimeInTheZoneAndHowFarItIs) {
  const absl::Time time = absl::FromUnixSeconds(1'700'000'000);
  EXPECT_EQ(TimeText(time, time - absl::Seconds(5), absl::UTCTimeZone()),
            "2023-11-14 22:13:20 (in 5 s)");
  EXPECT_EQ(TimeText(time, time, absl::FixedTimeZone(3600)),
            "2023-11-14 23:13:20 (now)");
}

TEST(ShortName, IsWhatFollowsTheLastSlash) {
  EXPECT_EQ(ShortName("applications/shop/connections/c-7"), "c-7");
  EXPECT_EQ(ShortName("c-7"), "c-7");
  EXPECT_EQ(ShortName(""), "");
}

TEST(EnumText, DropsThePrefixOnlyWhereItIs) {
  EXPECT_EQ(EnumText("RIGHT_CONNECT", "RIGHT_"), "CONNECT");
  EXPECT_EQ(EnumText("", "RIGHT_"), "");
}

TEST(Table, AlignsByColumnsOnTheTerminal) {
  Table table({"A", "NAME", "END"});
  table.AddRow({"1", "Müller", "x"});
  table.AddRow({"22", "", "\x1b"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(),
            "A   NAME    END\n"
            "1   Müller  x\n"
            "22  -       \\x1b\n");
}

TEST(Details, AlignsAndLeavesOutWhatIsEmpty) {
  Details details;
  details.Add("name", "c-7");
  details.Add("labels", "");
  details.Add("token expires", "soon");
  std::ostringstream out;
  details.Print(out);
  EXPECT_EQ(out.str(),
            "name:           c-7\n"
            "token expires:  soon\n");
}

}  // namespace
}  // namespace valetkey::cli
