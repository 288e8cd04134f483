-- A run store of schema version 1, as the first release wrote it.
BEGIN TRANSACTION;
CREATE TABLE about (
	"key" VARCHAR(40) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "about" VALUES('schema','1');
CREATE TABLE jobs (
	"key" VARCHAR(40) NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	"values" TEXT NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	progress FLOAT NOT NULL, 
	message TEXT NOT NULL, 
	created FLOAT NOT NULL, 
	beat FLOAT NOT NULL, 
	worker VARCHAR(200) NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE records (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	run VARCHAR(80) NOT NULL, 
	step INTEGER NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	payload TEXT NOT NULL, 
	time FLOAT NOT NULL
);
INSERT INTO "records" VALUES(1,'vae-digits-abcde',1,'scalars','{"elbo":-40.5}',2.5);
INSERT INTO "records" VALUES(2,'vae-digits-abcde',3,'scalars','{"elbo":-30.25}',3.0);
CREATE TABLE runs (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR(80) NOT NULL, 
	spec TEXT NOT NULL, 
	title TEXT NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	message TEXT NOT NULL, 
	step INTEGER NOT NULL, 
	steps INTEGER NOT NULL, 
	speed FLOAT NOT NULL, 
	created FLOAT NOT NULL, 
	queued FLOAT NOT NULL, 
	started FLOAT NOT NULL, 
	beat FLOAT NOT NULL, 
	ended FLOAT NOT NULL, 
	worker VARCHAR(200) NOT NULL, 
	series TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	UNIQUE (id)
);
INSERT INTO "runs" VALUES(1,'vae-digits-abcde','{"model":"vae","data":"digits","steps":3}','old','done','',3,3,0.0,1.0,1.0,2.0,3.0,3.5,'host:1','[]',1);
CREATE TABLE wishes (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	run VARCHAR(80) NOT NULL, 
	name VARCHAR(40) NOT NULL, 
	"values" TEXT NOT NULL
);
CREATE INDEX runs_by_status ON runs (status, queued, number);
CREATE INDEX records_by_run ON records (run, seq);
CREATE INDEX wishes_by_run ON wishes (run, id);
CREATE INDEX jobs_by_status ON jobs (status, created);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',1);
INSERT INTO "sqlite_sequence" VALUES('records',2);
COMMIT;
