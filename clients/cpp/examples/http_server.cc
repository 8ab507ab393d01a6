#include "examples/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <sstream>
#include <utility>

namespace {

std::string Decode(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

void ParseTarget(const std::string& target, HttpRequest* request) {
  const std::size_t mark = target.find('?');
  request->path = target.substr(0, mark);
  if (mark == std::string::npos) return;
  std::istringstream pairs(target.substr(mark + 1));
  std::string pair;
  while (std::getline(pairs, pair, '&')) {
    const std::size_t equals = pair.find('=');
    request->query[Decode(pair.substr(0, equals))] =
        equals == std::string::npos ? "" : Decode(pair.substr(equals + 1));
  }
}

// Reads until the text has an end of headers and a whole body.
bool ReadRequest(int connection, HttpRequest* request) {
  std::string text;
  std::size_t head = std::string::npos;
  std::size_t size = 0;
  char buffer[4096];
  while (head == std::string::npos || text.size() < head + 4 + size) {
    const ssize_t got = recv(connection, buffer, sizeof(buffer), 0);
    if (got <= 0) return false;
    text.append(buffer, static_cast<std::size_t>(got));
    if (head != std::string::npos) continue;
    head = text.find("\r\n\r\n");
    if (head == std::string::npos) continue;
    std::istringstream lines(text.substr(0, head));
    std::string target;
    std::string line;
    lines >> request->method >> target;
    std::getline(lines, line);
    ParseTarget(target, request);
    while (std::getline(lines, line)) {
      const std::size_t colon = line.find(':');
      if (colon == std::string::npos) continue;
      std::string name = line.substr(0, colon);
      for (char& c : name) c = static_cast<char>(std::tolower(c));
      const std::size_t begin = line.find_first_not_of(' ', colon + 1);
      std::string value = begin == std::string::npos ? "" : line.substr(begin);
      if (!value.empty() && value.back() == '\r') value.pop_back();
      request->headers[name] = value;
    }
    const auto length = request->headers.find("content-length");
    if (length != request->headers.end()) size = std::stoul(length->second);
  }
  request->body = text.substr(head + 4, size);
  return true;
}

void WriteReply(int connection, const HttpReply& reply) {
  std::ostringstream out;
  out << "HTTP/1.1 " << reply.status << " -\r\n"
      << "Content-Type: text/html; charset=utf-8\r\n"
      << "Content-Length: " << reply.body.size() << "\r\n"
      << "Connection: close\r\n";
  if (!reply.location.empty()) out << "Location: " << reply.location << "\r\n";
  out << "\r\n" << reply.body;
  const std::string text = out.str();
  std::size_t sent = 0;
  while (sent < text.size()) {
    const ssize_t wrote =
        send(connection, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (wrote <= 0) return;
    sent += static_cast<std::size_t>(wrote);
  }
}

}  // namespace

HttpServer::HttpServer(int port, Handler handler)
    : handler_(std::move(handler)),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const int on = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  if (bind(listener_, generic, size) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, generic, &size) != 0) {
    std::cerr << "cannot listen on 127.0.0.1:" << port << "\n";
    std::exit(1);
  }
  origin_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  thread_ = std::thread([this] { Serve(); });
}

HttpServer::~HttpServer() {
  shutdown(listener_, SHUT_RDWR);  // wakes accept
  thread_.join();
  close(listener_);
}

void HttpServer::Serve() {
  while (true) {
    const int connection = accept(listener_, nullptr, nullptr);
    if (connection < 0) return;
    HttpRequest request;
    if (ReadRequest(connection, &request)) {
      WriteReply(connection, handler_(request));
    }
    shutdown(connection, SHUT_WR);
    close(connection);
  }
}
