// SPDX-License-Identifier: Apache-2.0
#include "matcher/redact.h"

#include <gtest/gtest.h>

namespace tocsin::matcher {
namespace {

TEST(RedactorTest, TakesSecretsOut) {
  Redactor redactor;
  struct Case {
    const char *input, *want;
  };
  for (const Case& c : {
           Case{"Authorization: Bearer abc.def-123", "Authorization: Bearer [REDACTED]"},
           Case{R"({"authorization":"Basic dXNlcjpwYXNz"})",
                R"({"authorization":"Basic [REDACTED]"})"},
           Case{"map[Authorization:[Bearer 0123456789abcdef0123]]",
                "map[Authorization:[Bearer [REDACTED]]]"},
           Case{"sent bearer 0123456789abcdef01 to it", "sent bearer [REDACTED] to it"},
           Case{"X-Auth-Token: MIIabc==", "X-Auth-Token: [REDACTED]"},
           Case{"Cookie: a=b; session=c", "Cookie: [REDACTED]"},
           Case{"password=hunter2, user=bob", "password=[REDACTED], user=bob"},
           Case{R"({"password": "hun ter", "a": 1})", R"({"password": "[REDACTED] ter", "a": 1})"},
           Case{R"({\"db_password\":\"hunter2\"})", R"({\"db_password\":\"[REDACTED]\"})"},
           Case{"mysql --password hunter2 -h db", "mysql --password [REDACTED] -h db"},
           Case{"kubeadm join --token abcdef.0123456789abcdef", "kubeadm join --token [REDACTED]"},
           Case{"MYSQL_ROOT_PASSWORD=x1", "MYSQL_ROOT_PASSWORD=[REDACTED]"},
           Case{"password: letmein", "password: [REDACTED]"},
           Case{"pull https://bob:s3cret@reg.example.com/v2/",
                "pull https://[REDACTED]@reg.example.com/v2/"},
           Case{"amqp://guest:guest@mq:5672", "amqp://[REDACTED]@mq:5672"},
           Case{"git clone https://tok3n@git.example.com/x",
                "git clone https://[REDACTED]@git.example.com/x"},
           Case{"GET /o?X-Amz-Signature=0a1b2c&x=1", "GET /o?X-Amz-Signature=[REDACTED]&x=1"},
           Case{"GET /o?access_token=0a1b2c HTTP/1.1", "GET /o?access_token=[REDACTED] HTTP/1.1"},
           Case{"key AKIAIOSFODNN7EXAMPLE in use", "key [REDACTED] in use"},
           Case{"jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl end", "jwt [REDACTED] end"},
           Case{"mail bob.smith+x@example.co.uk failed", "mail [REDACTED] failed"},
           Case{"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest",
                "[REDACTED]\nrest"},
           Case{"-----BEGIN PRIVATE KEY-----\nMIIE", "[REDACTED]"},
           Case{"password=a1 then password=b2", "password=[REDACTED] then password=[REDACTED]"},
           Case{"ghp_0123456789abcdefghijklmnopqrstuvwxyz", "[REDACTED]"},
       }) {
    EXPECT_EQ(redactor.Redact(c.input), c.want);
    EXPECT_EQ(redactor.Redact(c.want), c.want) << "twice is once";
  }
}

TEST(RedactorTest, LeavesWhatOnlyLooksLikeASecret) {
  Redactor redactor;
  for (const char* line : {
           "",
           "nginx@sha256:0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9",
           "containerd://0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9",
           "pod UID 3f2a8a1e-5b1c-4b7e-9c55-0a1b2c3d4e5f",
           "/kubepods.slice/kubepods-pod3f2a8a1e_5b1c_4b7e_9c55_0a1b2c3d4e5f.slice",
           "Started getty@tty1.service - Getty on tty1.",
           "user@1000.service: Killing process 12 (x) with signal SIGKILL.",
           "invalid bearer token",
           "Bearer authentication-is-required here",
           "basic authentication failed",
           "Unable to authenticate the request: invalid token: expired",
           "couldn't find key password in Secret default/db",
           R"(secret "default-token-x2x7k" not found)",
           R"(MountVolume.SetUp failed for volume "certs" : secret "tls" not found)",
           "TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/bin/ls",
           "dial tcp 10.0.0.1:443: connect: connection refused",
           "Get \"https://10.0.0.1:6443/api/v1/nodes?limit=500\": EOF",
           "http://10.0.0.1:8080/a@b",
           "imagePullSecrets: [regcred] tokenExpirationSeconds=3607",
           "token=<nil>",
           "coredns.17a1b2c3d4e5f6a7 event",
           "Out of memory: Killed process 4242 (java) total-vm:4194304kB",
       }) {
    EXPECT_EQ(redactor.Redact(line), line);
  }
}

TEST(RedactorTest, TakesAnyBytes) {
  Redactor redactor;
  std::string line("token=\xFF\x00\xFE end", 13);
  EXPECT_EQ(redactor.Redact(line), std::string("token=[REDACTED] end", 20));
  std::string huge(1 << 20, 'a');
  EXPECT_EQ(redactor.Redact(huge), huge);
}

}  // namespace
}  // namespace tocsin::matcher
