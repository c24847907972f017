/** `addrbook.json` as CometBFT v0.38.25 wrote it (`pex.NewAddrBook`, three addresses, one of them good, `Save`). */
export const cometbftAddressBook = `{
	"key": "ecb6a49405c0657aed101a64",
	"addrs": [
		{
			"addr": {
				"id": "0000000000000000000000000000000000000003",
				"ip": "1.2.3.4",
				"port": 1
			},
			"src": {
				"id": "00000000000000000000000000000000000000aa",
				"ip": "159.89.121.174",
				"port": 26656
			},
			"buckets": [
				42
			],
			"attempts": 0,
			"bucket_type": 2,
			"last_attempt": "2026-11-20T10:24:46.81049725Z",
			"last_success": "2026-11-20T10:24:46.81049725Z",
			"last_ban_time": "0001-01-01T00:00:00Z"
		},
		{
			"addr": {
				"id": "0000000000000000000000000000000000000001",
				"ip": "8.8.8.8",
				"port": 26656
			},
			"src": {
				"id": "00000000000000000000000000000000000000aa",
				"ip": "159.89.121.174",
				"port": 26656
			},
			"buckets": [
				141
			],
			"attempts": 0,
			"bucket_type": 1,
			"last_attempt": "2026-11-20T10:24:46.810441137Z",
			"last_success": "0001-01-01T00:00:00Z",
			"last_ban_time": "0001-01-01T00:00:00Z"
		},
		{
			"addr": {
				"id": "0000000000000000000000000000000000000002",
				"ip": "2001:4860:4860::8888",
				"port": 26656
			},
			"src": {
				"id": "00000000000000000000000000000000000000aa",
				"ip": "159.89.121.174",
				"port": 26656
			},
			"buckets": [
				95
			],
			"attempts": 1,
			"bucket_type": 1,
			"last_attempt": "2026-11-20T10:24:46.810496835Z",
			"last_success": "0001-01-01T00:00:00Z",
			"last_ban_time": "0001-01-01T00:00:00Z"
		}
	]
}`;
