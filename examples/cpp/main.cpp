// Worker of the decoder protocol: JSON lines on standard input and output
// (docs/decoder-protocol.md).
#include <cstdint>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "errors.hpp"
#include "stream.hpp"
#include "text.hpp"

namespace {

const char* const kProtocol = "nnc-worker/2";

std::vector<std::uint8_t> read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The safetensors format: header length, JSON header, data. It reserves the name __metadata__.
std::string stored_name(const std::string& name) {
    const std::size_t first = name.find_first_not_of('\\');
    return first != std::string::npos && name.compare(first, std::string::npos, "__metadata__") == 0 ? "\\" + name : name;
}

void write_safetensors(const std::string& path, const Tensors& tensors) {
    std::string header = "{";
    std::size_t offset = 0;
    for (const auto& [name, tensor] : tensors) {
        std::string shape;
        for (const std::uint64_t size : tensor.dimensions) shape += (shape.empty() ? "" : ",") + std::to_string(size);
        header += (offset || header.size() > 1 ? "," : "") + quoted(stored_name(name)) + ":{\"dtype\":\"" + (tensor.is_float ? "F32" : "I32") +
                  "\",\"shape\":[" + shape + "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(offset + tensor.data.size()) + "]}";
        offset += tensor.data.size();
    }
    header += "}";
    header.append((8 - header.size() % 8) % 8, ' ');
    std::ofstream file(path, std::ios::binary);
    for (int shift = 0; shift < 64; shift += 8) file.put(static_cast<char>(static_cast<std::uint64_t>(header.size()) >> shift & 0xFF));
    file << header;
    for (const auto& [name, tensor] : tensors) file.write(reinterpret_cast<const char*>(tensor.data.data()), static_cast<std::streamsize>(tensor.data.size()));
    file.close();
    if (!file) throw std::runtime_error("cannot write " + path);
}

std::string answer(const std::map<std::string, std::string>& request, Session& session) {
    const std::string id = "\"id\":" + quoted(request.at("id"));
    int unit = 0;
    try {
        if (request.at("step") == "0") session = Session();
        write_safetensors(request.at("output"), decode_stream(read_file(request.at("stream")), session, unit));
        if (request.count("model")) write_safetensors(request.at("model"), session.model);
        return "{\"type\":\"decoded\"," + id + "}";
    } catch (const Refusal& refusal) {
        return "{\"type\":\"refused\"," + id + ",\"category\":" + quoted(refusal.category) + ",\"unit\":" + std::to_string(unit) +
               ",\"byte\":" + std::to_string(refusal.byte) + ",\"message\":" + quoted(refusal.message) + "}";
    } catch (const Unsupported& unsupported) {
        return "{\"type\":\"unsupported\"," + id + ",\"message\":" + quoted(unsupported.what) + "}";
    }
}

}  // namespace

int main() {
    try {
        std::string line;
        Session session;
        while (std::getline(std::cin, line)) {
            const std::map<std::string, std::string> request = parse_object(line);
            const std::string& type = request.at("type");
            if (type == "stop") break;
            if (type == "start")
                std::cout << "{\"type\":\"started\",\"protocol\":" << quoted(kProtocol) << "}" << std::endl;
            else
                std::cout << answer(request, session) << std::endl;
        }
        return 0;
    } catch (const std::exception& error) {
        std::cerr << error.what() << std::endl;
        return 1;
    }
}
