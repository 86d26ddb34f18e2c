// npm's bittorrent-tracker on 127.0.0.1, on ports of the system's choice, which are printed as one
// line of JSON. Only its server is imported: the client beside it needs a compiled WebRTC library.
// It ends when stdin does.
import Server from 'bittorrent-tracker/server'

const server = new Server({ http: true, udp: true, ws: false, stats: false, interval: 60000 })
server.on('listening', () => {
  console.log(JSON.stringify({ http: server.http.address().port, udp: server.udp4.address().port }))
})
server.on('warning', error => console.error(error.message))
server.listen(0, { http: '127.0.0.1', udp: '127.0.0.1', udp6: '::1' })
process.stdin.on('end', () => process.exit(0)).resume()
