#include "service/sidecar/on_change.h"

#include <signal.h>
#include <unistd.h>

#include "service/base/status.h"
#include "service/sidecar/sidecar_fixture.h"

namespace valetkey::sidecar {
namespace {

class OnChangeTest : public SidecarFixture {};

TEST_F(OnChangeTest, RunsACommandWithoutAShell) {
  const std::string out = folder_ / "out";
  OnChange on_change;
  on_change.command = {"/bin/sh", "-c",
                       "printf '%s' \"$VALETKEY_FILES\" > " + out};
  ASSERT_TRUE(Tell(on_change, "/run/tokens/a b").ok());
  EXPECT_TRUE(Eventually([&] { return Read(out) == "/run/tokens/a b"; }));
  Reap();
}

TEST_F(OnChangeTest, SaysWhatCannotBeRun) {
  OnChange on_change;
  on_change.command = {"/no/such/program"};
  const absl::Status status = Tell(on_change, "/run");
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_NE(status.message().find("/no/such/program"), std::string::npos);
}

volatile sig_atomic_t signalled = 0;
void Note(int) { signalled = 1; }

TEST_F(OnChangeTest, SignalsTheProcessOfAFile) {
  OnChange on_change;
  const std::string file = folder_ / "pid";
  ASSERT_TRUE(ParseSignal("SIGUSR2:" + file, &on_change).ok());
  EXPECT_TRUE(absl::IsUnavailable(Tell(on_change, "/run")));  // no file
  std::ofstream(file) << "1\n";                               // never init
  EXPECT_TRUE(absl::IsUnavailable(Tell(on_change, "/run")));
  const auto before = signal(SIGUSR2, &Note);
  std::ofstream(file) << getpid() << "\n";
  EXPECT_TRUE(Tell(on_change, "/run").ok());
  EXPECT_TRUE(Eventually([] { return signalled == 1; }));
  signal(SIGUSR2, before);
}

TEST_F(OnChangeTest, SaysHowASignalIsWritten) {
  OnChange on_change;
  for (const char* bad : {"", "HUP", "HUP:", "KILL:/run/pid", ":/run/pid"}) {
    EXPECT_EQ(ReasonOf(ParseSignal(bad, &on_change)), Reason::kFieldInvalid)
        << bad;
  }
  ASSERT_TRUE(ParseSignal("HUP:/run/a:b", &on_change).ok());
  EXPECT_EQ(on_change.signal, SIGHUP);
  EXPECT_EQ(on_change.pid_file, "/run/a:b");
}

}  // namespace
}  // namespace valetkey::sidecar
