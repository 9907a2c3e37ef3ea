"""The aggregate of connguard's indicators of mail, in SQL: hour by hour and connector by connector.

    python aggregate.py TRACE.csv CELLS.csv < SETUP.json

SETUP holds `addresses` ([address, connector, approved]), `domains` and `connectors` (how many there are).
Writes the cells, and prints seconds, those of all processors, peak memory in KiB, rows and the version of DuckDB.
Everything that is not the query stands outside of the time.
"""

import json
import resource
import sys
import time

import duckdb

trace, cells, setup = sys.argv[1], sys.argv[2], json.load(sys.stdin)
other = setup["connectors"]
connection = duckdb.connect()
connection.execute("SET preserve_insertion_order = false")
connection.execute("CREATE TABLE addresses (address VARCHAR, connector UTINYINT, approved BOOLEAN)")
connection.executemany("INSERT INTO addresses VALUES (?, ?, ?)", setup["addresses"])
connection.execute("CREATE TABLE own (domain VARCHAR)")
connection.executemany("INSERT INTO own VALUES (?)", [[domain] for domain in setup["domains"]])

COLUMNS = {
    "MessageTraceId": "VARCHAR", "MessageId": "VARCHAR", "Received": "TIMESTAMP", "SenderAddress": "VARCHAR",
    "RecipientAddress": "VARCHAR", "FromIP": "VARCHAR", "ToIP": "VARCHAR", "Subject": "VARCHAR", "Status": "VARCHAR",
    "Size": "VARCHAR",
}
own_domains = ", ".join("'" + domain + "'" for domain in setup["domains"])
begin, processors = time.perf_counter(), time.process_time()
# What each row means, once: both aggregates below are made from it.
connection.execute(
    f"""
    CREATE TEMP TABLE mail AS
    SELECT (epoch_us(Received) // 1000000)::UINTEGER AS second,
           coalesce(connector, {other})::UTINYINT AS connector,
           Status IN ('FilteredAsSpam', 'Quarantined') AS filtered,
           Status = 'Failed' AS failed,
           sender <> '' AS has_sender,
           sender <> '' AND sender NOT IN ({own_domains}) AS unprovisioned,
           approved IS NOT NULL AS has_address,
           coalesce(NOT approved, false) AS outside,
           recipient_domain NOT IN ({own_domains}) AS external,
           CASE WHEN recipient_domain NOT IN ({own_domains}) THEN lower(RecipientAddress) END AS recipient
    FROM (
        SELECT *, lower(split_part(SenderAddress, '@', 2)) AS sender, lower(split_part(RecipientAddress, '@', 2)) AS recipient_domain
        FROM read_csv(?, header = true, delim = ',', quote = '"', escape = '"', columns = {COLUMNS!r})
    ) LEFT JOIN addresses ON FromIP = address
    """,
    [trace],
)
rows = connection.execute("SELECT count(*) FROM mail").fetchone()[0]
found = connection.execute(
    f"""
    WITH firsts AS (
        SELECT first // {other + 1} // 3600 AS hour, first % {other + 1} AS connector, count(*) AS first_contacts
        FROM (SELECT min(second::UBIGINT * {other + 1} + connector) AS first FROM mail WHERE recipient IS NOT NULL GROUP BY recipient)
        GROUP BY ALL
    ), cells AS (
        SELECT second // 3600 AS hour, connector, count(*) AS mails,
               count_if(filtered) AS filtered, count_if(failed) AS failed, count_if(has_sender) AS senders,
               count_if(unprovisioned) AS unprovisioned, count_if(has_address) AS addresses, count_if(outside) AS outside,
               count_if(external) AS external
        FROM mail
        WHERE connector < {other} OR external
        GROUP BY ALL
    )
    SELECT cells.*, coalesce(first_contacts, 0) FROM cells LEFT JOIN firsts USING (hour, connector)
    """
).fetchall()
seconds, processors = time.perf_counter() - begin, time.process_time() - processors
with open(cells, "w") as file:
    for cell in found:
        print(*cell, sep=",", file=file)
print(seconds, processors, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, rows, duckdb.__version__)
