# The workloads of `npm run bench` that the BEAM runs too, under the same names. A line on stdin, `NAME SCALE`, runs one and
# is answered by a line: `= ` and its figures, or `! ` and what went wrong. The first line tells the versions. The end of
# stdin is the end of it.
#
# Each run is a process of its own that ends with `shutdown`, so that all it has linked go with it.

defmodule Echo do
  use GenServer

  def init(start), do: {:ok, start}

  def handle_call(:ping, _from, state), do: {:reply, :pong, state}
  def handle_call(:get, _from, state), do: {:reply, state, state}
  def handle_call({:echo, value}, _from, state), do: {:reply, value, state}

  def handle_cast(:inc, state), do: {:noreply, state + 1}
end

defmodule Reporter do
  use GenServer

  def start_link({tester, id}), do: GenServer.start_link(__MODULE__, {tester, id})

  def init({tester, id}) do
    send(tester, {:up, id, self()})
    {:ok, 0}
  end

  def handle_call(:ping, _from, state), do: {:reply, :pong, state}
end

defmodule Measure do
  # As many of `base` operations as the scale asks for, and at least one.
  def scaled(base, scale), do: max(1, ceil(base * scale))

  def now, do: :erlang.monotonic_time(:nanosecond)

  def ms(run) do
    start = now()
    run.()
    (now() - start) / 1.0e6
  end

  def rate(count, run), do: count / ms(run) * 1000

  # The value below which the share `p` of `list` lies.
  def percentiles(list, shares) do
    sorted = list |> Enum.sort() |> List.to_tuple()
    size = tuple_size(sorted)
    for p <- shares, do: elem(sorted, min(size - 1, floor(size * p)))
  end

  def times(0, _run), do: :ok

  def times(count, run) do
    run.()
    times(count - 1, run)
  end

  # Bytes that `start` of `count` processes adds, for each of them.
  def bytes(count, start, settle_ms) do
    collect()
    before = :erlang.memory(:total)
    kept = for _ <- 1..count, do: start.()
    Process.sleep(settle_ms)
    collect()
    grown = (:erlang.memory(:total) - before) / count
    Enum.each(kept, &Process.exit(&1, :kill))
    grown
  end

  defp collect do
    :erlang.garbage_collect()
    for pid <- Process.list(), pid != self(), Process.info(pid, :message_queue_len) == {:message_queue_len, 0} do
      if Process.info(pid, :registered_name) not in [nil, []], do: :erlang.garbage_collect(pid)
    end
  end
end

defmodule Messages do
  import Measure

  def echo do
    {:ok, pid} = GenServer.start_link(Echo, 0)
    pid
  end

  def call_seq(scale) do
    count = scaled(500_000, scale)
    server = echo()
    rate(count, fn -> times(count, fn -> GenServer.call(server, :ping) end) end)
  end

  def call_lat_p50(scale) do
    server = echo()
    latencies = for _ <- 1..scaled(200_000, scale), do: timed_call(server)
    for ns <- percentiles(latencies, [0.5, 0.99]), do: ns / 1000
  end

  defp timed_call(server) do
    start = now()
    GenServer.call(server, :ping)
    now() - start
  end

  def call_64(scale) do
    each = scaled(10_000, scale)
    server = echo()
    tester = self()

    clients =
      for _ <- 1..64 do
        spawn_link(fn ->
          receive do: (:go -> :ok)
          times(each, fn -> GenServer.call(server, :ping) end)
          send(tester, :done)
        end)
      end

    rate(64 * each, fn ->
      Enum.each(clients, &send(&1, :go))
      Enum.each(clients, fn _ -> receive do: (:done -> :ok) end)
    end)
  end

  def cast_1000(scale) do
    batches = scaled(2000, scale)
    server = echo()

    rate(batches * 1000, fn ->
      times(batches, fn ->
        times(999, fn -> GenServer.cast(server, :inc) end)
        GenServer.call(server, :get)
      end)
    end)
  end

  def cast_1m(scale) do
    count = scaled(1_000_000, scale)
    server = echo()

    rate(count, fn ->
      times(count, fn -> GenServer.cast(server, :inc) end)
      ^count = GenServer.call(server, :get, :infinity)
    end)
  end

  def pingpong(scale) do
    count = scaled(1_000_000, scale)
    partner = spawn_link(fn -> answer() end)

    rate(count, fn ->
      times(count, fn ->
        send(partner, {:ball, self()})
        receive do: (:ball -> :ok)
      end)
    end)
  end

  defp answer do
    receive do
      {:ball, from} ->
        send(from, :ball)
        answer()
    end
  end

  def ring(scale), do: ring(1000, 1, scaled(1000, scale))
  def ring_par(scale), do: ring(1000, 1000, scaled(10, scale))

  defp ring(size, tokens, laps) do
    tester = self()
    first = Enum.reduce(2..size//1, tester, fn _, next -> spawn_link(fn -> pass(next) end) end)

    rate(size * tokens * laps, fn ->
      times(tokens, fn -> send(first, 1) end)
      laps(first, tokens, laps)
    end)
  end

  defp pass(next) do
    receive do
      token ->
        send(next, token)
        pass(next)
    end
  end

  defp laps(_first, 0, _laps), do: :ok

  defp laps(first, tokens, laps) do
    receive do
      ^laps ->
        laps(first, tokens - 1, laps)

      token ->
        send(first, token + 1)
        laps(first, tokens, laps)
    end
  end

  def fanin_64(scale) do
    each = scaled(20_000, scale)
    tester = self()

    rate(64 * each, fn ->
      for _ <- 1..64, do: spawn_link(fn -> times(each, fn -> send(tester, :item) end) end)
      times(64 * each, fn -> receive do: (:item -> :ok) end)
    end)
  end

  def big_mailbox(scale) do
    count = scaled(100_000, scale)
    server = echo()
    # On its heap, each minor collection would walk all that is unread: 2.8 k calls/s, where this makes 0.45 M.
    Process.flag(:message_queue_data, :off_heap)
    times(count, fn -> send(self(), :unread) end)
    rate(count, fn -> times(count, fn -> GenServer.call(server, :ping) end) end)
  end
end

defmodule Lifetimes do
  import Measure
  import Messages, only: [echo: 0]

  def spawn_stop(scale) do
    count = scaled(100_000, scale)
    rate(count, fn -> times(count, fn -> GenServer.stop(echo()) end) end)
  end

  def spawn_bulk_start(scale) do
    count = scaled(100_000, scale)
    start = now()
    servers = for _ <- 1..count, do: echo()
    started = now()
    Enum.each(servers, &GenServer.stop/1)
    [count / (started - start) * 1.0e9, count / (now() - started) * 1.0e9]
  end

  def raw_spawn(scale) do
    count = scaled(300_000, scale)

    rate(count, fn ->
      times(count, fn ->
        {_pid, ref} = spawn_monitor(fn -> :ok end)
        receive do: ({:DOWN, ^ref, _, _, _} -> :ok)
      end)
    end)
  end

  def idle_server(scale) do
    bytes(scaled(100_000, scale), fn -> elem(GenServer.start(Echo, 0), 1) end, 0)
  end

  def idle_hibernated(scale) do
    bytes(scaled(100_000, scale), fn -> elem(GenServer.start(Echo, 0, hibernate_after: 0), 1) end, 500)
  end

  def sup_restart_300_p50(_scale) do
    {:ok, supervisor} = supervise([child(:only)])
    latencies = restarts(300, await_up(:only), [])
    Supervisor.stop(supervisor)
    for ns <- percentiles(latencies, [0.5, 0.99]), do: ns / 1000
  end

  defp restarts(0, _child, latencies), do: latencies

  defp restarts(left, child, latencies) do
    start = now()
    Process.exit(child, :kill)
    next = await_up(:only)
    GenServer.call(next, :ping)
    restarts(left - 1, next, [now() - start | latencies])
  end

  def sup_burst(scale) do
    ids = Enum.to_list(1..scaled(1000, scale))
    {:ok, supervisor} = supervise(Enum.map(ids, &child/1))
    children = Enum.map(ids, &await_up/1)

    taken =
      ms(fn ->
        Enum.each(children, &Process.exit(&1, :kill))
        ids |> Enum.map(&await_up/1) |> Enum.each(&GenServer.call(&1, :ping))
      end)

    Supervisor.stop(supervisor)
    taken
  end

  defp supervise(children) do
    Supervisor.start_link(children, strategy: :one_for_one, max_restarts: 1_000_000_000, max_seconds: 1)
  end

  defp child(id), do: %{id: id, start: {Reporter, :start_link, [{self(), id}]}}

  defp await_up(id) do
    receive do: ({:up, ^id, pid} -> pid)
  end

  def dynsup_start_10k(scale), do: dynamic(scaled(10_000, scale))
  def dynsup_stop_50k(scale), do: dynamic(scaled(50_000, scale)) |> List.last()

  defp dynamic(count) do
    {:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one)
    spec = %{id: :echo, start: {GenServer, :start_link, [Echo, 0]}, restart: :temporary}
    started = rate(count, fn -> times(count, fn -> {:ok, _} = DynamicSupervisor.start_child(supervisor, spec) end) end)
    [started, ms(fn -> DynamicSupervisor.stop(supervisor) end)]
  end

  def monitors_100k(scale) do
    count = scaled(100_000, scale)
    {:ok, server} = GenServer.start(Echo, 0)
    made = rate(count, fn -> times(count, fn -> Process.monitor(server) end) end)

    down =
      rate(count, fn ->
        Process.exit(server, :kill)
        times(count, fn -> receive do: ({:DOWN, _, _, _, _} -> :ok) end)
      end)

    [made, down]
  end

  def link_chain_10k(scale) do
    tester = self()
    tail = spawn(fn -> Process.sleep(:infinity) end)
    ref = Process.monitor(tail)

    head =
      Enum.reduce(2..scaled(10_000, scale)//1, tail, fn _, next ->
        link = fn ->
          Process.link(next)
          send(tester, :linked)
          Process.sleep(:infinity)
        end

        pid = spawn(link)
        receive do: (:linked -> pid)
      end)

    ms(fn ->
      Process.exit(head, :boom)
      receive do: ({:DOWN, ^ref, _, _, :boom} -> :ok)
    end)
  end
end

defmodule Services do
  import Measure
  import Messages, only: [echo: 0]

  @keys 10_000

  # It goes with the run: stopped before, it would take along whoever is registered.
  defp registry(keys) do
    name = :"registry_#{System.unique_integer([:positive])}"
    {:ok, _} = Registry.start_link(keys: keys, name: name, partitions: 1)
    name
  end

  def registry_register(_scale) do
    name = registry(:unique)
    made = rate(@keys, fn -> for i <- 1..@keys, do: {:ok, _} = Registry.register(name, {:k, i}, i) end)
    gone = rate(@keys, fn -> for i <- 1..@keys, do: Registry.unregister(name, {:k, i}) end)
    [made, gone]
  end

  def registry_lookup(scale) do
    count = scaled(1_000_000, scale)
    name = registry(:unique)
    for i <- 1..@keys, do: {:ok, _} = Registry.register(name, i, i)
    rate(count, fn -> lookups(name, count) end)
  end

  defp lookups(_name, 0), do: :ok

  defp lookups(name, left) do
    key = rem(left * 7919, @keys) + 1
    [{_pid, ^key}] = Registry.lookup(name, key)
    lookups(name, left - 1)
  end

  def registry_call(scale) do
    count = scaled(100_000, scale)
    name = registry(:unique)
    via = {:via, Registry, {name, :server}}
    {:ok, _} = GenServer.start_link(Echo, 0, name: via)
    rate(count, fn -> times(count, fn -> GenServer.call(via, :ping) end) end)
  end

  def registry_dispatch(scale) do
    rounds = scaled(500, scale)
    name = registry(:duplicate)
    tester = self()

    subscribers =
      for _ <- 1..1000 do
        subscriber =
          spawn_link(fn ->
            {:ok, _} = Registry.register(name, :topic, nil)
            send(tester, :subscribed)
            times(rounds, fn -> receive do: ({:m, _} -> :ok) end)
            send(tester, :done)
          end)

        receive do: (:subscribed -> subscriber)
      end

    rate(rounds * 1000, fn ->
      for i <- 1..rounds do
        Registry.dispatch(name, :topic, fn entries -> for {to, _} <- entries, do: send(to, {:m, i}) end)
      end

      Enum.each(subscribers, fn _ -> receive do: (:done -> :ok) end)
    end)
  end

  def timers_1s_arm(scale) do
    count = scaled(100_000, scale)
    armed = ms(fn -> arm(count) end)
    lateness = for _ <- 1..count, do: receive(do: ({:t, due} -> now() - due))
    [armed | for(ns <- percentiles(lateness, [0.5, 0.99]), do: ns / 1.0e6)]
  end

  defp arm(0), do: :ok

  defp arm(left) do
    delay = rem(left * 7919, 1000) + 1
    Process.send_after(self(), {:t, now() + delay * 1_000_000}, delay)
    arm(left - 1)
  end

  def timers_100k_arm_cancel(scale), do: hd(arm_and_cancel(scale))
  def timers_cancel(scale), do: List.last(arm_and_cancel(scale))

  defp arm_and_cancel(scale) do
    count = scaled(100_000, scale)
    start = now()
    timers = for i <- 1..count, do: Process.send_after(self(), :late, 60_000 + rem(i, 1000))
    armed = now()
    Enum.each(timers, &Process.cancel_timer/1)
    [(armed - start) / 1.0e6, count / (now() - armed) * 1.0e9]
  end

  def task_await(scale) do
    count = scaled(50_000, scale)
    rate(count, fn -> for i <- 1..count, do: ^i = Task.await(Task.async(fn -> i end)) end)
  end

  def task_stream(scale) do
    count = scaled(50_000, scale)
    rate(count, fn -> 1..count |> Task.async_stream(& &1, max_concurrency: 64) |> Enum.each(fn {:ok, _} -> :ok end) end)
  end

  def agent_update(scale) do
    count = scaled(300_000, scale)
    {:ok, agent} = Agent.start_link(fn -> 0 end)

    rate(count, fn ->
      times(count, fn -> Agent.update(agent, &(&1 + 1)) end)
      ^count = Agent.get(agent, & &1)
    end)
  end

  def sys_get_state(scale) do
    count = scaled(300_000, scale)
    server = echo()
    rate(count, fn -> times(count, fn -> :sys.get_state(server) end) end)
  end
end

defmodule Driver do
  @modules [Messages, Lifetimes, Services]

  def main do
    schedulers = :erlang.system_info(:schedulers_online)
    emulator = if :erlang.system_info(:emu_flavor) == :jit, do: ", JIT", else: ""
    IO.puts("= OTP #{System.otp_release()}, Elixir #{System.version()}, schedulers: #{schedulers}#{emulator}")
    loop()
  end

  defp loop do
    case IO.gets("") do
      line when is_binary(line) ->
        line |> String.split() |> answer()
        loop()

      _ ->
        :ok
    end
  end

  defp answer([name, scale]) do
    tester = self()

    {pid, ref} =
      spawn_monitor(fn ->
        send(tester, {self(), figures(name, scale)})
        exit(:shutdown)
      end)

    receive do: ({:DOWN, ^ref, _, _, reason} -> tell(pid, reason))
  end

  defp figures(name, scale) do
    "= #{run(name, scale) |> List.wrap() |> Enum.join(" ")}"
  catch
    kind, reason -> "! #{kind} #{inspect(reason, limit: 20)}"
  end

  defp run(name, scale) do
    {factor, _} = Float.parse(scale)
    function = String.to_existing_atom(name)
    module = Enum.find(@modules, &function_exported?(&1, function, 1))
    apply(module, function, [factor])
  end

  defp tell(pid, reason) do
    answer =
      receive do
        {^pid, answer} -> answer
      after
        0 -> "! exit #{inspect(reason, limit: 20)}"
      end

    answer |> String.replace("\n", " ") |> IO.puts()
  end
end

Driver.main()
